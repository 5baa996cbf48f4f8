import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What failed beside the end of a generation and is done again: who is told of it, what is noted for others who ask the same. */
export class DeferredSteps1763830000000 implements MigrationInterface {
  readonly name = 'DeferredSteps1763830000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE TABLE deferred_steps (
         generation_id TEXT NOT NULL, step TEXT NOT NULL, tries INTEGER NOT NULL, next_try_at BIGINT NOT NULL, last_error TEXT NOT NULL,
         created_at BIGINT NOT NULL, PRIMARY KEY (generation_id, step))`,
    );
    await runner.query('CREATE INDEX deferred_steps_due ON deferred_steps (next_try_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE deferred_steps');
  }
}
