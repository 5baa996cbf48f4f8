import { Controller, Get, Param, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../../domain/access/index.js';
import { AssetsRepository, BlobStore, type LinkQuery, LinkSigner } from '../../domain/storage/index.js';
import { ApiError, ApiErrors, Clock } from '../../platform/common/index.js';
import { ApiOperation, ApiQuery, ApiTags } from '../../platform/openapi/index.js';
import { ApiFileAnswers } from './file-answers.js';
import { sendBlob } from './send-blob.js';

/** Where signed links lead. The signature is the permission, so the link works in an `<img>` and for a vendor. */
@ApiTags('Files')
@Controller('v1/files')
export class FilesController {
  constructor(
    private readonly links: LinkSigner,
    private readonly assets: AssetsRepository,
    private readonly store: BlobStore,
    private readonly clock: Clock,
  ) {}

  @Get(':id')
  @Public()
  @ApiOperation({
    summary: 'Read a file by its signed link',
    description: 'The link comes with the generation. HEAD, single byte ranges and conditional requests are answered too.',
  })
  @ApiQuery({ name: 'expires', description: 'Seconds since the epoch.', type: Number })
  @ApiQuery({ name: 'signature', type: String })
  @ApiQuery({ name: 'download', description: '`1`: to be saved rather than shown. Part of what is signed.', required: false, enum: ['1'] })
  @ApiFileAnswers()
  @ApiErrors(403)
  async read(
    @Param('id') id: string,
    @Query() query: LinkQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const link = this.links.verify(id, query);
    const asset = await this.assets.find(id);
    if (asset === null) throw new ApiError('not_found', `There is no file ${id}.`);
    const maxAgeSeconds = link.expiresAt - this.clock.nowMs() / 1000;
    await sendBlob(this.store, request, reply, asset, { download: link.download ?? false, maxAgeSeconds });
  }
}
