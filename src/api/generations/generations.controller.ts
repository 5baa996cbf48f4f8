import { Body, Controller, Get, Headers, Param, Patch, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { OWN_WORK, principalOf, type Reach, reachOf, Scoped } from '../../domain/access/index.js';
import { LinkSigner } from '../../domain/storage/index.js';
import {
  GENERATION_HEADERS,
  GenerationDetail,
  GenerationListResponse,
  GenerationsQueries,
  GenerationsService,
  type GenerationView,
  generationHeaders,
  isTerminal,
  linkerFor,
  toGeneration,
  toGenerationDetail,
  vendorJobOf,
} from '../../engine/generations/index.js';
import { ApiError, ApiErrors, pageInfo, pageRequest } from '../../platform/common/index.js';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '../../platform/openapi/index.js';
import { parsePrefer } from '../shared/index.js';
import { ListGenerationsQuery, PatchGenerationRequest } from './dto/generation-query.dto.js';

/** A connection is not held longer; whoever wants more asks again. */
const LONGEST_WAIT_SECONDS = 120;
const MS_PER_SECOND = 1000;

@ApiTags('Generations')
@Controller('v1/generations')
export class GenerationsController {
  constructor(
    private readonly generations: GenerationsService,
    private readonly queries: GenerationsQueries,
    private readonly links: LinkSigner,
  ) {}

  @Get()
  @Scoped('read')
  @ApiOperation({ summary: 'List generations', description: `Images and videos, newest first. ${OWN_WORK}` })
  @ApiOkResponse({ type: GenerationListResponse })
  async listGenerations(@Req() request: FastifyRequest, @Query() query: ListGenerationsQuery): Promise<GenerationListResponse> {
    const { page: _page, per_page: _perPage, after: _after, media_type: mediaType, ...filter } = query;
    const found = await this.queries.page(reachOf(principalOf(request)), { ...filter, mediaType }, pageRequest(query));
    const link = linkerFor(this.links, request);
    const views = await this.queries.withFiles(found.rows);
    return {
      data: views.map((view) => toGeneration({ ...view, vendorJobId: vendorJobOf(view.attempts) }, link)),
      ...pageInfo(query, found),
    };
  }

  @Get(':id')
  @Scoped('read')
  @ApiOperation({
    summary: 'Get a generation',
    description: 'With `Prefer: wait=N` the answer comes when the generation has ended, or after N seconds.',
  })
  @ApiHeader({
    name: 'prefer',
    required: false,
    description: `\`wait=N\`, seconds; at most ${LONGEST_WAIT_SECONDS}.`,
    schema: { type: 'string' },
  })
  @ApiOkResponse({ type: GenerationDetail, headers: GENERATION_HEADERS })
  @ApiErrors(404)
  async getGeneration(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param('id') id: string,
    @Headers('prefer') prefer?: string,
  ): Promise<GenerationDetail> {
    const reach = reachOf(principalOf(request));
    const waitSeconds = Math.min(parsePrefer(prefer).waitSeconds ?? 0, LONGEST_WAIT_SECONDS);
    let view = await this.view(reach, id);
    if (waitSeconds > 0) {
      reply.header('preference-applied', `wait=${waitSeconds}`);
      if (!isTerminal(view.generation.status)) {
        await this.generations.waitFor(reach, id, waitSeconds * MS_PER_SECOND);
        view = await this.view(reach, id);
      }
    }
    return this.detail(view, request, reply);
  }

  @Patch(':id')
  @Scoped('generate')
  @ApiOperation({
    summary: 'Cancel a generation',
    description:
      'The status is `cancelled` only when the vendor confirmed it or was never asked. Otherwise the generation goes on with ' +
      `\`cancel_requested_at\` set, and costs what the vendor bills. ${OWN_WORK}`,
  })
  @ApiOkResponse({ type: GenerationDetail, headers: GENERATION_HEADERS })
  @ApiErrors(404, 409)
  async patchGeneration(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param('id') id: string,
    @Body() _change: PatchGenerationRequest,
  ): Promise<GenerationDetail> {
    const reach = reachOf(principalOf(request));
    await this.generations.cancel(reach, id);
    return this.detail(await this.view(reach, id), request, reply);
  }

  private async detail(view: GenerationView, request: FastifyRequest, reply: FastifyReply): Promise<GenerationDetail> {
    const remainingMicros = await this.generations.remainingFor(view.generation);
    reply.headers(generationHeaders(view, remainingMicros));
    return toGenerationDetail(view, linkerFor(this.links, request), remainingMicros);
  }

  private async view(reach: Reach, id: string): Promise<GenerationView> {
    const view = await this.queries.find(reach, id);
    if (view === null) throw new ApiError('not_found', `There is no generation ${id}.`, { param: 'id' });
    return view;
  }
}
