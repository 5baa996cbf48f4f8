import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When files that nothing refers to are looked for next, by one process for all, and by which name the store knows this installation. */
export class StorageSweeps1763804000000 implements MigrationInterface {
  readonly name = 'StorageSweeps1763804000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'CREATE TABLE storage_sweeps (installation TEXT PRIMARY KEY, only_row INTEGER NOT NULL UNIQUE, due_at BIGINT NOT NULL)',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE storage_sweeps');
  }
}
