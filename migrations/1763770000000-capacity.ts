import type { MigrationInterface, QueryRunner } from 'typeorm';

const UNDER_WAY = `WHERE status IN ('queued', 'dispatching', 'running', 'ingesting')`;

/** Limits of what a key may have under way, and how that is counted quickly. */
const UP: readonly string[] = [
  'ALTER TABLE api_keys ADD COLUMN max_in_flight INTEGER',
  'ALTER TABLE api_keys ADD COLUMN max_queued INTEGER',
  `CREATE INDEX generations_under_way_by_caller ON generations (app_id, key_id) ${UNDER_WAY}`,
  `CREATE INDEX generations_under_way_by_model ON generations (provider, model) ${UNDER_WAY}`,
];

const DOWN: readonly string[] = [
  'DROP INDEX generations_under_way_by_model',
  'DROP INDEX generations_under_way_by_caller',
  'ALTER TABLE api_keys DROP COLUMN max_queued',
  'ALTER TABLE api_keys DROP COLUMN max_in_flight',
];

export class Capacity1763770000000 implements MigrationInterface {
  readonly name = 'Capacity1763770000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}
