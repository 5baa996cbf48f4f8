import type { EntityManager } from 'typeorm';
import type { Micros } from '../../platform/common/index.js';
import type { Tenant } from './access.js';

export interface KeyOfTenant extends Tenant {
  readonly id: string;
}

/** What a key may spend, and what it has spent and reserved. */
export interface KeySpending {
  /** Null: no bound. */
  readonly quotaMicros: Micros | null;
  readonly usedMicros: Micros;
  readonly heldMicros: Micros;
}

/** Keeps the quotas of keys, beside all other budgets. Changes belong inside the transaction that changes the key. */
export abstract class KeyQuotas {
  abstract open(manager: EntityManager, key: KeyOfTenant, limitMicros: Micros | null, nowMs: number): Promise<void>;
  abstract change(manager: EntityManager, keyId: string, limitMicros: Micros | null, nowMs: number): Promise<void>;
  /** Makes a quota smaller by what its key gives away. Answers null when it did or there is none, else what is left, which is less. */
  abstract take(manager: EntityManager, keyId: string, amountMicros: Micros, nowMs: number): Promise<Micros | null>;
  /** By the key's id. */
  abstract of(keyIds: readonly string[]): Promise<ReadonlyMap<string, KeySpending>>;
}
