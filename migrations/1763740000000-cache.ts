import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which generation stands for each cache key, whom a generation follows, and who uses the cache. */
const UP: readonly string[] = [
  `CREATE TABLE cache_entries (
    cache_key TEXT PRIMARY KEY, org_id TEXT NOT NULL, app_id TEXT NOT NULL, generation_id TEXT NOT NULL, state TEXT NOT NULL,
    ttl_ms BIGINT NOT NULL, failures INTEGER NOT NULL, completed_at BIGINT, expires_at BIGINT NOT NULL)`,
  'CREATE INDEX cache_entries_by_tenant ON cache_entries (org_id, app_id, state)',
  'CREATE INDEX cache_entries_by_expiry ON cache_entries (expires_at)',
  'ALTER TABLE generations ADD COLUMN cache_key TEXT',
  'ALTER TABLE generations ADD COLUMN cached_from TEXT',
  'CREATE INDEX generations_following ON generations (cached_from) WHERE cached_from IS NOT NULL AND next_run_at IS NOT NULL',
  'ALTER TABLE api_keys ADD COLUMN cache_ttl_seconds INTEGER',
];

const DOWN: readonly string[] = [
  'ALTER TABLE api_keys DROP COLUMN cache_ttl_seconds',
  'DROP INDEX generations_following',
  'ALTER TABLE generations DROP COLUMN cached_from',
  'ALTER TABLE generations DROP COLUMN cache_key',
  'DROP TABLE cache_entries',
];

export class Cache1763740000000 implements MigrationInterface {
  readonly name = 'Cache1763740000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}
