import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Every request without an idempotency key looks for one like it whose connection broke: among those alone, not among all that are like it. */
export class BrokenConnections1763720000000 implements MigrationInterface {
  readonly name = 'BrokenConnections1763720000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'CREATE INDEX generations_broken ON generations (org_id, app_id, fingerprint, created_at) WHERE client_gone_at IS NOT NULL AND deleted_at IS NULL',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX generations_broken');
  }
}
