import { Body, Controller, Headers, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { principalOf, Scoped, wholeOf } from '../../domain/access/index.js';
import { LinkSigner } from '../../domain/storage/index.js';
import { ApiError, ApiErrors } from '../../platform/common/index.js';
import { CorrectionsService } from './corrections.service.js';
import { RefundGenerationRequest, RefundResponse, ResolveGenerationRequest } from './dto/correction.dto.js';
import { GenerationDetail } from './dto/generation.dto.js';
import { GENERATION_HEADERS, generationHeaders } from './generation-headers.js';
import { linkerFor, toGenerationDetail } from './generation-response.js';
import { GenerationsQueries } from './generations.queries.js';
import { GenerationsService } from './generations.service.js';
import { IDEMPOTENCY_KEY } from './idempotency.policy.js';

@ApiTags('Generations')
@Controller('v1/generations')
export class CorrectionsController {
  constructor(
    private readonly corrections: CorrectionsService,
    private readonly generations: GenerationsService,
    private readonly queries: GenerationsQueries,
    private readonly links: LinkSigner,
  ) {}

  @Post(':id/resolve')
  @HttpCode(200)
  @Scoped('admin')
  @ApiOperation({
    summary: 'Tell whether a generation was billed',
    description:
      'Where nobody knew whether the vendor billed, the hold was kept (`hold.state` is `held`). This settles or releases it. Not by the key that asked for it.',
  })
  @ApiOkResponse({ type: GenerationDetail, headers: GENERATION_HEADERS })
  @ApiErrors(404, 409)
  async resolveGeneration(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param('id') id: string,
    @Body() body: ResolveGenerationRequest,
  ): Promise<GenerationDetail> {
    const caller = principalOf(request);
    await this.corrections.resolve(caller, id, body);
    const view = await this.queries.find(wholeOf(caller), id);
    if (view === null) throw new ApiError('not_found', `There is no generation ${id} any more.`, { param: 'id' });
    const remainingMicros = await this.generations.remainingFor(view.generation);
    reply.headers(generationHeaders(view, remainingMicros));
    return toGenerationDetail(view, linkerFor(this.links, request), remainingMicros);
  }

  @Post(':id/refund')
  @HttpCode(200)
  @Scoped('admin')
  @ApiOperation({
    summary: 'Give back what a generation cost',
    description:
      'All budgets that it was counted on get the amount back, in the period in which it was counted. Not by the key that asked for it.',
  })
  @ApiHeader({
    name: 'idempotency-key',
    required: false,
    description: 'Names the refund: the same one gives money back once.',
    schema: IDEMPOTENCY_KEY,
  })
  @ApiOkResponse({ type: RefundResponse })
  @ApiErrors(404, 409, 422)
  async refundGeneration(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param('id') id: string,
    @Body() body: RefundGenerationRequest,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<RefundResponse> {
    const { refund, isReplayed } = await this.corrections.refund(principalOf(request), id, body, idempotencyKey);
    if (isReplayed) reply.header('idempotent-replayed', 'true');
    return refund;
  }
}
