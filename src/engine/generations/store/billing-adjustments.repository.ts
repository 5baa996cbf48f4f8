import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../../../domain/access/index.js';
import type { Micros } from '../../../platform/common/index.js';
import { Database, rows } from '../../../platform/database/index.js';
import { Ledger, type RefundResult } from '../../../policy/budgets/index.js';
import { causeOf, GenerationEntity } from '../model/generation.entity.js';
import { HAS_ENDED } from './status-conditions.js';

export interface Refund {
  readonly refundId: string;
  readonly amountMicros: Micros;
  readonly reason: string;
}

/** What operators put right about the money of generations that have ended. */
@Injectable()
export class BillingAdjustmentsRepository {
  constructor(
    private readonly database: Database,
    private readonly ledger: Ledger,
  ) {}

  /** Ends a hold that was kept because nobody knew the bill. @param costMicros 0: nothing was billed. @returns false when there is none */
  resolve({ orgId, appId }: Tenant, id: string, costMicros: Micros, nowMs: number): Promise<boolean> {
    return this.database.transaction(async (manager) => {
      const resolved = await rows(
        manager,
        `UPDATE generations SET hold_state = :holdState, cost_micros = :costMicros, cost_source = 'operator', updated_at = :nowMs
         WHERE id = :id AND org_id = :orgId AND app_id = :appId AND hold_state = 'held' AND ${HAS_ENDED} RETURNING id`,
        { id, orgId, appId, costMicros, holdState: costMicros === 0 ? 'released' : 'settled', nowMs },
      );
      if (resolved.length === 0) return false;
      const generation = await manager.findOneByOrFail(GenerationEntity, { id });
      await this.ledger.settle(manager, [
        { ...causeOf(generation, await lastAttemptOf(manager, id), nowMs, 'resolved by an operator'), costMicros, accounts: [] },
      ]);
      return true;
    });
  }

  /** The row is locked meanwhile, so that two refunds never give back the same money. Null when nothing was charged. */
  refund({ orgId, appId }: Tenant, id: string, { refundId, amountMicros, reason }: Refund, nowMs: number): Promise<RefundResult | null> {
    return this.database.transaction(async (manager) => {
      const locked = await rows(
        manager,
        `UPDATE generations SET updated_at = :nowMs
         WHERE id = :id AND org_id = :orgId AND app_id = :appId AND hold_state = 'settled' RETURNING id`,
        { id, orgId, appId, nowMs },
      );
      if (locked.length === 0) return null;
      const generation = await manager.findOneByOrFail(GenerationEntity, { id });
      return this.ledger.refund(manager, {
        ...causeOf(generation, await lastAttemptOf(manager, id), nowMs, reason),
        refundId,
        amountMicros,
      });
    });
  }
}

async function lastAttemptOf(manager: EntityManager, generationId: string): Promise<string | null> {
  const [last] = await rows<{ id: string }>(
    manager,
    'SELECT id FROM attempts WHERE generation_id = :generationId AND sent_at IS NOT NULL ORDER BY ordinal DESC LIMIT 1',
    { generationId },
  );
  return last?.id ?? null;
}
