import { Injectable } from '@nestjs/common';
import { type Principal, wholeOf } from '../../../domain/access/index.js';
import { ApiError, Clock, formatUsd, type Micros, newId } from '../../../platform/common/index.js';
import type { GenerationEntity } from '../model/generation.entity.js';
import { checkIdempotencyKey } from '../model/idempotency.policy.js';
import { BillingAdjustmentsRepository } from '../store/billing-adjustments.repository.js';
import { GenerationsRepository } from '../store/generations.repository.js';

/** An operator's word about a bill that nobody knew. */
export interface Resolution {
  readonly isCharged: boolean;
  /** What the vendor billed; absent: the list price. */
  readonly costMicros?: Micros;
}

export interface RefundOrder {
  readonly amountMicros: Micros;
  /** Kept in the ledger. */
  readonly reason: string;
}

export interface Refunded {
  readonly refundId: string;
  readonly amountMicros: Micros;
  /** What can still be refunded. */
  readonly refundableMicros: Micros;
  readonly isReplayed: boolean;
}

/** Bills that only the vendor's books could tell, and money given back. */
@Injectable()
export class BillingAdjustments {
  constructor(
    private readonly clock: Clock,
    private readonly generations: GenerationsRepository,
    private readonly adjustments: BillingAdjustmentsRepository,
  ) {}

  /**
   * @throws ApiError `not_found`, `conflict` when nothing is held any more, `param_unsupported` for a cost of what is free, `forbidden`
   *   for a key's own work
   */
  async resolve(caller: Principal, id: string, { isCharged, costMicros }: Resolution): Promise<void> {
    const generation = await this.find(caller, id);
    if (!isCharged && costMicros !== undefined && costMicros !== 0) {
      throw new ApiError('param_unsupported', 'What was not charged has no cost.', { param: 'cost_usd' });
    }
    const billedMicros = isCharged ? (costMicros ?? generation.quote.amountMicros) : 0;
    if (!(await this.adjustments.resolve(caller, id, billedMicros, this.clock.nowMs()))) {
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
  async refund(caller: Principal, id: string, { amountMicros, reason }: RefundOrder, idempotencyKey?: string): Promise<Refunded> {
    await this.find(caller, id);
    const refundId = idempotencyKey === undefined ? newId('refund') : checkIdempotencyKey(idempotencyKey);
    const result = await this.adjustments.refund(caller, id, { refundId, amountMicros, reason }, this.clock.nowMs());
    if (result === null) {
      throw new ApiError('conflict', `The generation ${id} was not charged, so nothing can be refunded.`, { generationId: id });
    }
    if (result.kind === 'too_much') {
      throw new ApiError('param_out_of_range', `At most ${formatUsd(result.refundableMicros)} USD of ${id} can still be refunded.`, {
        param: 'amount_usd',
        generationId: id,
      });
    }
    if (result.kind === 'repeated' && result.amountMicros !== amountMicros) {
      throw new ApiError('idempotency_key_reused', 'This Idempotency-Key was used for a refund of another amount.', { generationId: id });
    }
    return { refundId, amountMicros, refundableMicros: result.refundableMicros, isReplayed: result.kind === 'repeated' };
  }

  private async find(caller: Principal, id: string): Promise<GenerationEntity> {
    const generation = await this.generations.find(wholeOf(caller), id);
    if (generation === null) throw new ApiError('not_found', `There is no generation ${id}.`, { param: 'id' });
    // What it spent would be its own to spend again.
    if (caller.keyId !== undefined && caller.keyId === generation.keyId) {
      throw new ApiError('forbidden', 'A key cannot adjust its own bills. Use another admin key.', { generationId: id });
    }
    return generation;
  }
}
