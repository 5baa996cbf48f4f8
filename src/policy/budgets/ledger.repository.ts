import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Micros } from '../../platform/common/index.js';
import { dialectOf, insertRows, rows } from '../../platform/database/index.js';
import type { Balance, LedgerEntry } from './budget.types.js';

/** What a generation did to one account. */
export interface Posted {
  readonly generationId: string;
  readonly accountId: string;
  readonly budgetId: string;
  readonly heldMicros: Micros;
  readonly spentMicros: Micros;
}

/** All SQL about the ledger and its balances; every method belongs inside the transaction of what it is for. */
@Injectable()
export class LedgerRepository {
  /**
   * Locks balances, in the order of their ids whoever asks, so that no two transactions ever wait for each other.
   * @throws Error when one does not exist: a balance that cannot be locked must not be spent from
   */
  async lock(manager: EntityManager, accountIds: ReadonlySet<string>): Promise<Map<string, Balance>> {
    if (accountIds.size === 0) return new Map();
    const found = await rows<Balance>(
      manager,
      `SELECT balance.id AS "accountId", balance.budget_id AS "budgetId", balance.subject, balance.period_start AS "periodStartMs",
         balance.held_micros AS "heldMicros", balance.settled_micros AS "settledMicros", budget.limit_micros AS "limitMicros"
       FROM budget_balances balance JOIN budgets budget ON budget.id = balance.budget_id
       WHERE balance.id IN (:accountIds) ORDER BY balance.id ${dialectOf(manager) === 'postgres' ? 'FOR UPDATE OF balance' : ''}`,
      { accountIds: [...accountIds] },
    );
    const balances = new Map(found.map((row) => [row.accountId, row]));
    for (const id of accountIds) if (!balances.has(id)) throw new Error(`The balance ${id} does not exist`);
    return balances;
  }

  /** Balances that are locked, as they are from now on. */
  async store(manager: EntityManager, balances: readonly Omit<Balance, 'limitMicros'>[], nowMs: number): Promise<void> {
    await insertRows(
      manager,
      'budget_balances',
      balances.map(({ accountId, budgetId, subject, periodStartMs, heldMicros, settledMicros }) => ({
        id: accountId,
        budget_id: budgetId,
        subject,
        period_start: periodStartMs,
        held_micros: heldMicros,
        settled_micros: settledMicros,
        updated_at: nowMs,
      })),
      `ON CONFLICT (id) DO UPDATE SET held_micros = excluded.held_micros, settled_micros = excluded.settled_micros,
         updated_at = excluded.updated_at`,
    );
  }

  async append(manager: EntityManager, entries: readonly LedgerEntry[]): Promise<void> {
    await insertRows(manager, 'ledger_entries', entries.map(entryRow));
  }

  /** What these generations, of which there is one at least, hold and have spent, by account. */
  async postedBy(manager: EntityManager, generationIds: readonly string[]): Promise<Posted[]> {
    return rows<Posted>(
      manager,
      `SELECT generation_id AS "generationId", account_id AS "accountId", MIN(budget_id) AS "budgetId",
         ${sumOf('held')} AS "heldMicros", ${sumOf('spent')} AS "spentMicros"
       FROM ledger_entries WHERE generation_id IN (:generationIds) GROUP BY generation_id, account_id`,
      { generationIds },
    );
  }

  /** Null when nothing is booked under this name. */
  async amountOf(manager: EntityManager, transactionId: string): Promise<Micros | null> {
    const [found] = await rows<{ amountMicros: Micros }>(
      manager,
      `SELECT amount_micros AS "amountMicros" FROM ledger_entries WHERE transaction_id = :transactionId LIMIT 1`,
      { transactionId },
    );
    return found?.amountMicros ?? null;
  }
}

/** What a place holds by the ledger: what was debited to it less what was credited. */
export function sumOf(place: 'held' | 'spent'): string {
  return `CAST(COALESCE(SUM(CASE WHEN debit = '${place}' THEN amount_micros WHEN credit = '${place}' THEN -amount_micros ELSE 0 END), 0) AS BIGINT)`;
}

function entryRow(entry: LedgerEntry): Record<string, string | number | null> {
  return {
    transaction_id: entry.transactionId,
    line: entry.line,
    at: entry.at,
    kind: entry.kind,
    account_id: entry.accountId,
    budget_id: entry.budgetId,
    debit: entry.debit,
    credit: entry.credit,
    amount_micros: entry.amountMicros,
    org_id: entry.orgId,
    app_id: entry.appId,
    key_id: entry.keyId,
    generation_id: entry.generationId,
    attempt_id: entry.attemptId,
    reason: entry.reason,
  };
}
