import { Body, Controller, Headers, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { principalOf, Scoped, wholeOf } from '../../domain/access/index.js';
import { LinkSigner } from '../../domain/storage/index.js';
import {
  BillingAdjustments,
  GENERATION_HEADERS,
  GenerationDetail,
  GenerationsQueries,
  GenerationsService,
  generationHeaders,
  IDEMPOTENCY_KEY,
  linkerFor,
  toGenerationDetail,
} from '../../engine/generations/index.js';
import { ApiError, ApiErrors, microsToUsd, usdToMicros } from '../../platform/common/index.js';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '../../platform/openapi/index.js';
import { RefundGenerationRequest, RefundResponse, ResolveGenerationRequest } from './dto/billing-adjustment.dto.js';

@ApiTags('Generations')
@Controller('v1/generations')
export class BillingAdjustmentsController {
  constructor(
    private readonly adjustments: BillingAdjustments,
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
    const { charged, cost_usd: costUsd } = body;
    await this.adjustments.resolve(caller, id, {
      isCharged: charged === 'yes',
      ...(costUsd == null ? {} : { costMicros: usdToMicros(costUsd) }),
    });
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
    const { refundId, amountMicros, refundableMicros, isReplayed } = await this.adjustments.refund(
      principalOf(request),
      id,
      { amountMicros: usdToMicros(body.amount_usd), reason: body.reason },
      idempotencyKey,
    );
    if (isReplayed) reply.header('idempotent-replayed', 'true');
    return {
      id: refundId,
      generation_id: id,
      amount_usd: microsToUsd(amountMicros),
      refundable_usd: microsToUsd(refundableMicros),
    };
  }
}
