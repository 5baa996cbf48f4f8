import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Prices that were promised for a while. */
const UP: readonly string[] = [
  `CREATE TABLE quotes (
    id TEXT PRIMARY KEY, org_id TEXT NOT NULL, app_id TEXT NOT NULL, model TEXT NOT NULL, facts TEXT NOT NULL, quote TEXT NOT NULL,
    created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL)`,
  'CREATE INDEX quotes_by_expiry ON quotes (expires_at)',
];

export class Quotes1763760000000 implements MigrationInterface {
  readonly name = 'Quotes1763760000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE quotes');
  }
}
