import fc from 'fast-check';
import { expect } from 'vitest';
import { DEFAULT_TENANT } from '../../src/domain/access/index.js';
import { Clock } from '../../src/platform/common/index.js';
import { type Database, rows } from '../../src/platform/database/index.js';
import {
  BudgetDirectory,
  BudgetEntity,
  BudgetsRepository,
  type Cause,
  Ledger,
  LedgerRepository,
  ReconciliationRepository,
  type Spender,
} from '../../src/policy/budgets/index.js';

const DAY_MS = 86_400_000;
/** 2027-01-15T00:00:00Z */
const START_MS = 1_800_000_000_000 - (1_800_000_000_000 % DAY_MS);

export const KEYS = ['key-a', 'key-b'] as const;
export const USERS = ['ann', 'bob', null] as const;

export class TestClock extends Clock {
  ms = START_MS;
  override nowMs(): number {
    return this.ms;
  }
}

/** Budgets of every level; amounts in the tests are of the same size, so that each of them refuses now and then. */
export const BUDGETS = [
  { id: 'b-org', level: 'organization', subject: DEFAULT_TENANT.orgId, period: 'none', limitMicros: 900 },
  { id: 'b-app', level: 'application', subject: DEFAULT_TENANT.appId, period: 'month', limitMicros: 700 },
  { id: 'b-key-a', level: 'key', subject: 'key-a', period: 'none', limitMicros: 400 },
  { id: 'b-key-b', level: 'key', subject: 'key-b', period: 'none', limitMicros: null },
  { id: 'b-user', level: 'user', subject: null, period: 'day', limitMicros: 150 },
] as const;

interface Generation {
  readonly id: string;
  readonly spender: Spender;
  readonly amount: number;
  /** Names in {@link Model.balances}. */
  readonly accounts: readonly string[];
  isEnded: boolean;
  cost: number;
  refunded: number;
}

/** What the ledger should say, in the simplest words. */
export class Model {
  readonly limits = new Map<string, number | null>(BUDGETS.map(({ id, limitMicros }) => [id, limitMicros]));
  readonly balances = new Map<string, { held: number; settled: number }>();
  readonly generations: Generation[] = [];
  nextId = 0;

  accountsFor({ keyId, user }: Spender, nowMs: number): string[] {
    const day = Math.floor(nowMs / DAY_MS) * DAY_MS;
    const month = Date.UTC(new Date(nowMs).getUTCFullYear(), new Date(nowMs).getUTCMonth());
    return [
      `b-org.0.${DEFAULT_TENANT.orgId}`,
      `b-app.${month}.${DEFAULT_TENANT.appId}`,
      `b-${keyId}.0.${keyId}`,
      ...(user === null ? [] : [`b-user.${day}.${user}`]),
    ];
  }

  balance(account: string): { held: number; settled: number } {
    const found = this.balances.get(account) ?? { held: 0, settled: 0 };
    this.balances.set(account, found);
    return found;
  }

  fits(accounts: readonly string[], amount: number): boolean {
    return accounts.every((account) => {
      const limit = this.limits.get(account.split('.')[0] ?? '') ?? null;
      const { held, settled } = this.balance(account);
      return limit === null || held + settled + amount <= limit;
    });
  }

  hold(id: string, spender: Spender, amount: number, accounts: readonly string[]): void {
    for (const account of accounts) this.balance(account).held += amount;
    this.generations.push({ id, spender, amount, accounts, isEnded: false, cost: 0, refunded: 0 });
  }

  settle(generation: Generation, cost: number): void {
    for (const account of generation.accounts) {
      this.balance(account).held -= generation.amount;
      this.balance(account).settled += cost;
    }
    Object.assign(generation, { isEnded: true, cost });
  }

  refund(generation: Generation, amount: number): void {
    for (const account of generation.accounts) this.balance(account).settled -= amount;
    generation.refunded += amount;
  }

  pick(index: number, isEnded: boolean): Generation | undefined {
    const fitting = this.generations.filter((generation) => generation.isEnded === isEnded);
    return fitting[index % Math.max(1, fitting.length)];
  }
}

/** The real thing; `restart` throws away all that a process knows. */
export class Books {
  readonly clock = new TestClock();
  readonly ledger = new Ledger(new LedgerRepository());
  directory!: BudgetDirectory;
  private readonly budgets: BudgetsRepository;
  readonly reconciliation: ReconciliationRepository;

  constructor(readonly database: Database) {
    this.budgets = new BudgetsRepository(database);
    this.reconciliation = new ReconciliationRepository(database, new LedgerRepository());
    this.restart();
  }

  restart(): void {
    this.directory = new BudgetDirectory(this.budgets, this.clock);
  }

  async setUp(): Promise<void> {
    const { orgId, appId } = DEFAULT_TENANT;
    for (const budget of BUDGETS) {
      const own = { ...budget, orgId, appId: budget.level === 'organization' ? null : appId };
      const row = Object.assign(new BudgetEntity(), { ...own, createdAt: 1, updatedAt: 1, deletedAt: null });
      await this.database.transaction((manager) => this.budgets.insert(manager, row));
    }
  }

  async setLimit(id: string, limitMicros: number | null): Promise<void> {
    await this.database.write((manager) => this.budgets.setLimit(manager, id, limitMicros, this.clock.ms));
  }

  cause(generationId: string, spender: Spender): Cause {
    return { generationId, attemptId: null, spender, atMs: this.clock.ms, reason: null };
  }

  async holdRequest(generationId: string, spender: Spender, amountMicros: number) {
    return { ...this.cause(generationId, spender), amountMicros, accounts: await this.directory.accountsOf(spender) };
  }
}

/** Every balance is what the model says, nothing differs from the ledger's lines, and every line's money is accounted for. */
export async function expectSound(model: Model, books: Books): Promise<void> {
  const stored = await rows<{ id: string; held: number; settled: number }>(
    books.database.manager,
    'SELECT id, held_micros AS held, settled_micros AS settled FROM budget_balances WHERE held_micros <> 0 OR settled_micros <> 0 ORDER BY id',
  );
  const expected = [...model.balances].filter(([, { held, settled }]) => held !== 0 || settled !== 0);
  expect(Object.fromEntries(stored.map(({ id, held, settled }) => [id, { held, settled }]))).toEqual(Object.fromEntries(expected));
  expect(await books.reconciliation.differences()).toEqual([]);
  // What was granted is held, spent or given back, for each generation and account.
  const unbalanced = await rows(
    books.database.manager,
    `SELECT generation_id, account_id FROM (
       SELECT generation_id, account_id, SUM(CASE WHEN kind = 'hold' THEN amount_micros ELSE 0 END) AS granted,
         SUM(CASE WHEN kind IN ('settle', 'release') THEN amount_micros ELSE 0 END) AS ended,
         SUM(CASE WHEN debit = 'held' THEN amount_micros WHEN credit = 'held' THEN -amount_micros ELSE 0 END) AS open
       FROM ledger_entries GROUP BY generation_id, account_id
     ) sums WHERE granted <> ended + open OR open < 0`,
  );
  expect(unbalanced).toEqual([]);
}

export const spenders: fc.Arbitrary<Spender> = fc.record({
  orgId: fc.constant(DEFAULT_TENANT.orgId),
  appId: fc.constant(DEFAULT_TENANT.appId),
  keyId: fc.constantFrom(...KEYS),
  user: fc.constantFrom(...USERS),
});
