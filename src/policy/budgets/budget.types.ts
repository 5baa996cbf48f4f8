import type { Tenant } from '../../domain/access/index.js';
import type { Micros } from '../../platform/common/index.js';

/** From the widest to the narrowest, which is also the order in which they refuse. */
export const BUDGET_LEVELS = ['organization', 'application', 'key', 'user'] as const;
export type BudgetLevel = (typeof BUDGET_LEVELS)[number];

/** Calendar periods in UTC; weeks begin on Monday. `none`: one balance for all time. */
export const BUDGET_PERIODS = ['none', 'day', 'week', 'month'] as const;
export type BudgetPeriod = (typeof BUDGET_PERIODS)[number];

/** Whose money a request spends. */
export interface Spender extends Tenant {
  readonly keyId: string | null;
  /** The request's `user`. */
  readonly user: string | null;
}

/** What is counted for one budget, one subject and one period: the unit that has a balance. */
export interface Account {
  readonly id: string;
  readonly budgetId: string;
  readonly level: BudgetLevel;
  readonly subject: string;
  readonly period: BudgetPeriod;
  readonly periodStartMs: number;
  /** Null: the period never ends. */
  readonly periodEndMs: number | null;
}

/** Which account refused, and why. */
export interface Refusal {
  readonly level: BudgetLevel;
  readonly subject: string;
  readonly period: BudgetPeriod;
  readonly requiredMicros: Micros;
  readonly limitMicros: Micros;
  readonly remainingMicros: Micros;
  readonly resetsAtMs: number | null;
}

/** The places between which a ledger entry moves money. What is held or spent comes out of `available`. */
export type Place = 'available' | 'held' | 'spent' | 'correction';

/** `overrun` is what the vendor billed beyond what was held. `adjust` moves nothing: it records that a balance was set right. */
export type EntryKind = 'hold' | 'release' | 'settle' | 'overrun' | 'refund' | 'adjust';

/** One line of the ledger: `amountMicros` is credited to one place and debited to another, so that every line balances by itself. */
export interface LedgerEntry {
  /** Names what happened, such as the end of a generation: the same is never booked twice. Shared by its lines. */
  readonly transactionId: string;
  /** From 0, in each account. */
  readonly line: number;
  readonly at: number;
  readonly kind: EntryKind;
  readonly accountId: string;
  readonly budgetId: string;
  readonly debit: Place;
  readonly credit: Place;
  readonly amountMicros: Micros;
  readonly orgId: string | null;
  readonly appId: string | null;
  readonly keyId: string | null;
  readonly generationId: string | null;
  readonly attemptId: string | null;
  readonly reason: string | null;
}

/** What an account holds and has spent. */
export interface Balance {
  readonly accountId: string;
  readonly budgetId: string;
  readonly subject: string;
  readonly periodStartMs: number;
  readonly heldMicros: Micros;
  readonly settledMicros: Micros;
  /** Null: counted, not bounded. */
  readonly limitMicros: Micros | null;
}
