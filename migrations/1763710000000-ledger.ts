import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Budgets, the ledger, and the balances that it leads to: the only rows about money that ever change. */
const UP: readonly string[] = [
  `CREATE TABLE budgets (
    id TEXT PRIMARY KEY, org_id TEXT NOT NULL, app_id TEXT, level TEXT NOT NULL, subject TEXT, period TEXT NOT NULL,
    limit_micros BIGINT CHECK (limit_micros >= 0), created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, deleted_at BIGINT)`,
  `CREATE UNIQUE INDEX budgets_once ON budgets (org_id, COALESCE(app_id, ''), level, COALESCE(subject, ''), period) WHERE deleted_at IS NULL`,
  'CREATE INDEX budgets_by_subject ON budgets (subject, level)',

  `CREATE TABLE budget_balances (
    id TEXT PRIMARY KEY, budget_id TEXT NOT NULL REFERENCES budgets(id), subject TEXT NOT NULL, period_start BIGINT NOT NULL,
    held_micros BIGINT NOT NULL CHECK (held_micros >= 0), settled_micros BIGINT NOT NULL CHECK (settled_micros >= 0),
    updated_at BIGINT NOT NULL)`,
  'CREATE INDEX budget_balances_of_budget ON budget_balances (budget_id, period_start, updated_at)',

  // What happens once has one name, so that the key refuses to book it twice.
  `CREATE TABLE ledger_entries (
    transaction_id TEXT NOT NULL, account_id TEXT NOT NULL, line INTEGER NOT NULL, budget_id TEXT NOT NULL,
    at BIGINT NOT NULL, kind TEXT NOT NULL, debit TEXT NOT NULL, credit TEXT NOT NULL,
    amount_micros BIGINT NOT NULL CHECK (amount_micros > 0),
    org_id TEXT, app_id TEXT, key_id TEXT, generation_id TEXT, attempt_id TEXT, reason TEXT,
    PRIMARY KEY (transaction_id, account_id, line))`,
  'CREATE INDEX ledger_entries_of_generation ON ledger_entries (generation_id)',
];

const REFUSAL = 'the ledger is append-only';

const APPEND_ONLY = {
  sqlite: ['UPDATE', 'DELETE'].map(
    (event) => `CREATE TRIGGER ledger_entries_no_${event.toLowerCase()} BEFORE ${event} ON ledger_entries
      BEGIN SELECT RAISE(ABORT, '${REFUSAL}'); END`,
  ),
  postgres: [
    `CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '${REFUSAL}'; END $$`,
    `CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
      FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change()`,
  ],
} as const;

export class Ledger1763710000000 implements MigrationInterface {
  readonly name = 'Ledger1763710000000';

  async up(runner: QueryRunner): Promise<void> {
    const postgres = runner.connection.options.type === 'postgres';
    for (const statement of [...UP, ...APPEND_ONLY[postgres ? 'postgres' : 'sqlite']]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['ledger_entries', 'budget_balances', 'budgets']) await runner.query(`DROP TABLE ${table}`);
    if (runner.connection.options.type === 'postgres') await runner.query('DROP FUNCTION refuse_ledger_change');
  }
}
