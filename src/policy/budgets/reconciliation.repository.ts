import { Injectable } from '@nestjs/common';
import { type Micros, newId } from '../../platform/common/index.js';
import { Database, rows } from '../../platform/database/index.js';
import { accountOfId } from './accounts.policy.js';
import { LedgerRepository, sumOf } from './ledger.repository.js';

/** A balance that is not what the lines of the ledger add up to. */
export interface Difference {
  readonly accountId: string;
  readonly budgetId: string;
  readonly held: { readonly balanceMicros: Micros; readonly ledgerMicros: Micros };
  readonly settled: { readonly balanceMicros: Micros; readonly ledgerMicros: Micros };
}

/** A generation whose own record and the ledger disagree. */
export interface Discrepancy {
  readonly generationId: string;
  readonly accountId: string;
  readonly holdState: string;
  readonly costMicros: Micros | null;
  readonly heldMicros: Micros;
  /** Before refunds. */
  readonly spentMicros: Micros;
}

/** What all generations cost together, and where it is counted. */
export interface CostTotals {
  readonly costMicros: Micros;
  /** Of it, what stands in the ledger; before refunds. */
  readonly countedMicros: Micros;
  readonly refundedMicros: Micros;
  /** Generations of API keys that cost something and are not in the ledger: there must be none. */
  readonly missing: number;
  readonly missingMicros: Micros;
}

interface DifferenceRow {
  readonly accountId: string;
  readonly budgetId: string;
  readonly balanceHeld: Micros;
  readonly ledgerHeld: Micros;
  readonly balanceSettled: Micros;
  readonly ledgerSettled: Micros;
}

/** Computes every balance anew. */
@Injectable()
export class ReconciliationRepository {
  constructor(
    private readonly database: Database,
    private readonly ledger: LedgerRepository,
  ) {}

  async countAccounts(): Promise<number> {
    const [counted] = await rows<{ count: number }>(this.database.manager, 'SELECT COUNT(*) AS count FROM budget_balances');
    return Number(counted?.count ?? 0);
  }

  /** One statement, and so one moment: what runs meanwhile is seen entirely or not at all. */
  async differences(manager = this.database.manager): Promise<Difference[]> {
    const found = await rows<DifferenceRow>(
      manager,
      `SELECT account_id AS "accountId", MIN(budget_id) AS "budgetId",
         CAST(SUM(balance_held) AS BIGINT) AS "balanceHeld", CAST(SUM(ledger_held) AS BIGINT) AS "ledgerHeld",
         CAST(SUM(balance_settled) AS BIGINT) AS "balanceSettled", CAST(SUM(ledger_settled) AS BIGINT) AS "ledgerSettled"
       FROM (
         SELECT id AS account_id, budget_id, held_micros AS balance_held, settled_micros AS balance_settled, 0 AS ledger_held, 0 AS ledger_settled
         FROM budget_balances
         UNION ALL
         SELECT account_id, MIN(budget_id), 0, 0, ${sumOf('held')}, ${sumOf('spent')} FROM ledger_entries GROUP BY account_id
       ) both_sides
       GROUP BY account_id
       HAVING SUM(balance_held) <> SUM(ledger_held) OR SUM(balance_settled) <> SUM(ledger_settled)
       ORDER BY account_id`,
    );
    return found.map(({ accountId, budgetId, balanceHeld, ledgerHeld, balanceSettled, ledgerSettled }) => ({
      accountId,
      budgetId,
      held: { balanceMicros: balanceHeld, ledgerMicros: ledgerHeld },
      settled: { balanceMicros: balanceSettled, ledgerMicros: ledgerSettled },
    }));
  }

  /** Holds that are open though their generation's is not, the other way round, and costs that were not booked as they were told. */
  discrepancies(): Promise<Discrepancy[]> {
    return rows<Discrepancy>(
      this.database.manager,
      `SELECT generation.id AS "generationId", posted.account_id AS "accountId", generation.hold_state AS "holdState",
         generation.cost_micros AS "costMicros", posted.held AS "heldMicros", posted.spent AS "spentMicros"
       FROM (
         SELECT generation_id, account_id, ${sumOf('held')} AS held,
           CAST(SUM(CASE WHEN debit = 'spent' THEN amount_micros ELSE 0 END) AS BIGINT) AS spent
         FROM ledger_entries WHERE generation_id IS NOT NULL GROUP BY generation_id, account_id
       ) posted JOIN generations generation ON generation.id = posted.generation_id
       WHERE (generation.hold_state = 'held' AND posted.held <> generation.hold_micros)
         OR (generation.hold_state <> 'held' AND (posted.held <> 0 OR posted.spent <> COALESCE(generation.cost_micros, 0)))
       ORDER BY generation.id, posted.account_id LIMIT 1000`,
    );
  }

  /** A generation stands in the ledger once for each of its budgets, and here once. */
  async totals(): Promise<CostTotals> {
    const sum = (amount: string, when: string) => `CAST(COALESCE(SUM(CASE WHEN ${when} THEN ${amount} ELSE 0 END), 0) AS BIGINT)`;
    const missing = 'posted.generation_id IS NULL AND generation.key_id IS NOT NULL AND generation.cost_micros > 0';
    const [totals] = await rows<CostTotals>(
      this.database.manager,
      `SELECT ${sum('generation.cost_micros', '1 = 1')} AS "costMicros",
         ${sum('generation.cost_micros', 'posted.generation_id IS NOT NULL')} AS "countedMicros",
         ${sum('posted.refunded', 'posted.generation_id IS NOT NULL')} AS "refundedMicros",
         COUNT(CASE WHEN ${missing} THEN 1 END) AS missing, ${sum('generation.cost_micros', missing)} AS "missingMicros"
       FROM generations generation LEFT JOIN (
         SELECT generation_id, MAX(refunded) AS refunded FROM (
           SELECT generation_id, account_id, SUM(CASE WHEN kind = 'refund' THEN amount_micros ELSE 0 END) AS refunded
           FROM ledger_entries WHERE generation_id IS NOT NULL GROUP BY generation_id, account_id
         ) by_account GROUP BY generation_id
       ) posted ON posted.generation_id = generation.id
       WHERE generation.cost_micros IS NOT NULL`,
    );
    return totals ?? { costMicros: 0, countedMicros: 0, refundedMicros: 0, missing: 0, missingMicros: 0 };
  }

  /** Sets balances to what the ledger says, and leaves a line that says so. Answers what was set right. */
  repair(nowMs: number): Promise<Difference[]> {
    return this.database.transaction(async (manager) => {
      const suspects = await this.differences(manager);
      const known = await rows<{ id: string }>(manager, 'SELECT id FROM budget_balances WHERE id IN (:ids)', {
        ids: suspects.map(({ accountId }) => accountId).concat(''),
      });
      await this.ledger.lock(manager, new Set(known.map(({ id }) => id)));
      // What was written while the lock was waited for counts, too.
      const differences = (await this.differences(manager)).filter((found) =>
        suspects.some(({ accountId }) => accountId === found.accountId),
      );
      await this.ledger.store(
        manager,
        differences.map(({ accountId, budgetId, held, settled }) => ({
          accountId,
          budgetId,
          heldMicros: held.ledgerMicros,
          settledMicros: settled.ledgerMicros,
          ...accountOfId(accountId),
        })),
        nowMs,
      );
      await this.ledger.append(
        manager,
        differences.map(({ accountId, budgetId, held, settled }) => ({
          transactionId: newId('posting'),
          line: 0,
          at: nowMs,
          kind: 'adjust' as const,
          accountId,
          budgetId,
          debit: 'correction' as const,
          credit: 'correction' as const,
          amountMicros: Math.abs(held.ledgerMicros - held.balanceMicros) + Math.abs(settled.ledgerMicros - settled.balanceMicros),
          orgId: null,
          appId: null,
          keyId: null,
          generationId: null,
          attemptId: null,
          reason: `held ${held.balanceMicros} → ${held.ledgerMicros}, settled ${settled.balanceMicros} → ${settled.ledgerMicros}`,
        })),
      );
      return differences;
    });
  }
}
