import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, inject } from 'vitest';

export interface TestDatabase {
  readonly name: 'sqlite' | 'postgres';
  /** What `database_url` takes. Empty: no table, no migration. */
  readonly url: string;
}

/**
 * A fresh, empty database of each kind, for `describe.each(databases())('$name', ({ url }) => …)`. Call it at the top of a
 * test file or of a `describe`: they exist from the first `beforeAll` on and are dropped after the last `afterAll`.
 * With `TEST_PGBOUNCER=1` it is Postgres alone, by way of PgBouncer.
 */
export function databases(): TestDatabase[] {
  return inject('postgres').pooledUrl === null ? [sqliteDatabase(), postgresDatabase()] : [postgresDatabase()];
}

export function sqliteDatabase(): TestDatabase {
  const folder = mkdtempSync(join(tmpdir(), 'litegen-sqlite-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return { name: 'sqlite', url: `sqlite://${join(folder, 'litegen.db')}` };
}

export function postgresDatabase(): TestDatabase {
  const server = inject('postgres');
  const database = `litegen_test_${randomBytes(8).toString('hex')}`;
  const url = new URL(server.pooledUrl ?? server.url);
  url.pathname = `/${database}`;
  let isCreated = false;
  beforeAll(async () => {
    const answer = await fetch(server.startUrl, { method: 'POST' });
    if (!answer.ok) throw new Error(await answer.text());
    await execute(server.url, `CREATE DATABASE ${database}`);
    isCreated = true;
  });
  afterAll(async () => {
    if (isCreated) await execute(server.url, `DROP DATABASE ${database} WITH (FORCE)`);
  });
  return { name: 'postgres', url: url.href };
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
