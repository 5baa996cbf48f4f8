import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where a request wants its own events, and which. */
const UP: readonly string[] = [
  'ALTER TABLE generations ADD COLUMN webhook_url TEXT',
  'ALTER TABLE generations ADD COLUMN webhook_events TEXT',
  'CREATE INDEX generations_with_webhook ON generations (org_id, app_id) WHERE webhook_events IS NOT NULL AND next_run_at IS NOT NULL',
];

const DOWN: readonly string[] = [
  'DROP INDEX generations_with_webhook',
  'ALTER TABLE generations DROP COLUMN webhook_events',
  'ALTER TABLE generations DROP COLUMN webhook_url',
];

export class RequestWebhooks1763780000000 implements MigrationInterface {
  readonly name = 'RequestWebhooks1763780000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}
