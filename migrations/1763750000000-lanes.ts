import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is due is looked for by vendor account and status, so that one vendor's backlog is not in the way of another's work. */
export class Lanes1763750000000 implements MigrationInterface {
  readonly name = 'Lanes1763750000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX generations_due');
    await runner.query('CREATE INDEX generations_due ON generations (provider, status, next_run_at) WHERE next_run_at IS NOT NULL');
    // Epoch microseconds: budgets of thousands a second space their questions by less than a millisecond.
    await runner.query('CREATE TABLE poll_budgets (subject TEXT PRIMARY KEY, free_at_micros BIGINT NOT NULL)');
    await runner.query('CREATE TABLE callback_trust (provider TEXT PRIMARY KEY, trusted_until BIGINT NOT NULL)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE callback_trust');
    await runner.query('DROP TABLE poll_budgets');
    await runner.query('DROP INDEX generations_due');
    await runner.query('CREATE INDEX generations_due ON generations (next_run_at) WHERE next_run_at IS NOT NULL');
  }
}
