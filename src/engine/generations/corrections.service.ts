import { Injectable } from '@nestjs/common';
import { type Principal, wholeOf } from '../../domain/access/index.js';
import { ApiError, Clock, formatUsd, microsToUsd, newId, usdToMicros } from '../../platform/common/index.js';
import { CorrectionsRepository } from './corrections.repository.js';
import type { RefundGenerationRequest, RefundResponse, ResolveGenerationRequest } from './dto/correction.dto.js';
import type { GenerationEntity } from './generation.entity.js';
import { GenerationsRepository } from './generations.repository.js';
import { checkIdempotencyKey } from './idempotency.policy.js';

export interface Refunded {
  readonly refund: RefundResponse;
  readonly isReplayed: boolean;
}

/** Bills that only the vendor's books could tell, and money given back. */
@Injectable()
export class CorrectionsService {
  constructor(
    private readonly clock: Clock,
    private readonly generations: GenerationsRepository,
    private readonly corrections: CorrectionsRepository,
  ) {}

  /**
   * @throws ApiError `not_found`, `conflict` when nothing is held any more, `param_unsupported` for a cost of what is free, `forbidden`
   *   for a key's own work
   */
  async resolve(caller: Principal, id: string, { charged, cost_usd: costUsd }: ResolveGenerationRequest): Promise<void> {
    const generation = await this.find(caller, id);
    if (charged === 'no' && costUsd != null && costUsd !== 0) {
      throw new ApiError('param_unsupported', 'What was not charged has no cost.', { param: 'cost_usd' });
    }
    const billed = costUsd == null ? generation.quote.amountMicros : usdToMicros(costUsd);
    const costMicros = charged === 'no' ? 0 : billed;
    if (!(await this.corrections.resolve(caller, id, { costMicros }, this.clock.nowMs()))) {
      throw new ApiError('conflict', `The generation ${id} has nothing to resolve: its bill is known, or it still runs.`, {
        generationId: id,
      });
    }
  }

  /**
   * @param idempotencyKey names the refund; the same one gives money back once
   * @throws ApiError `not_found`, `conflict` when nothing was charged, `param_out_of_range` beyond what is left of the cost,
   *   `idempotency_key_reused`, `forbidden` for a key's own work
   */
  async refund(
    caller: Principal,
    id: string,
    { amount_usd: amountUsd, reason }: RefundGenerationRequest,
    idempotencyKey?: string,
  ): Promise<Refunded> {
    await this.find(caller, id);
    const refundId = idempotencyKey === undefined ? newId('refund') : checkIdempotencyKey(idempotencyKey);
    const amountMicros = usdToMicros(amountUsd);
    const result = await this.corrections.refund(caller, id, { refundId, amountMicros, reason }, this.clock.nowMs());
    if (result === null) {
      throw new ApiError('conflict', `The generation ${id} was not charged, so nothing can be given back.`, { generationId: id });
    }
    if (result.kind === 'too_much') {
      throw new ApiError('param_out_of_range', `At most ${formatUsd(result.refundableMicros)} USD of ${id} can still be given back.`, {
        param: 'amount_usd',
        generationId: id,
      });
    }
    if (result.kind === 'repeated' && result.amountMicros !== amountMicros) {
      throw new ApiError('idempotency_key_reused', 'This Idempotency-Key was used for a refund of another amount.', { generationId: id });
    }
    return {
      refund: {
        id: refundId,
        generation_id: id,
        amount_usd: microsToUsd(amountMicros),
        refundable_usd: microsToUsd(result.refundableMicros),
      },
      isReplayed: result.kind === 'repeated',
    };
  }

  private async find(caller: Principal, id: string): Promise<GenerationEntity> {
    const generation = await this.generations.find(wholeOf(caller), id);
    if (generation === null) throw new ApiError('not_found', `There is no generation ${id}.`, { param: 'id' });
    // What it spent would be its own to spend again.
    if (caller.keyId !== undefined && caller.keyId === generation.keyId) {
      throw new ApiError('forbidden', 'A key corrects no bill of its own. Use another administrator’s key.', { generationId: id });
    }
    return generation;
  }
}
