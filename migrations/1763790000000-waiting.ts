import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which limit a generation waits for, so that who makes room there finds who waits longest. */
export class Waiting1763790000000 implements MigrationInterface {
  readonly name = 'Waiting1763790000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE generations ADD COLUMN waits_for TEXT');
    await runner.query(
      `CREATE INDEX generations_waiting ON generations (waits_for, created_at, id) WHERE status = 'queued' AND waits_for IS NOT NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX generations_waiting');
    await runner.query('ALTER TABLE generations DROP COLUMN waits_for');
  }
}
