import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whether requests with a key are strict that do not say it themselves; null: as its application has it. */
export class KeyStrictness1763840000000 implements MigrationInterface {
  readonly name = 'KeyStrictness1763840000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE api_keys ADD COLUMN strict BOOLEAN');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE api_keys DROP COLUMN strict');
  }
}
