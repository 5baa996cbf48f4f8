import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { MIGRATIONS } from '../../../migrations/index.js';
import { postgresDatabase } from '../../../test/support/databases.js';
import { hasPgBouncer, PgBouncer } from '../../../test/support/pgbouncer.js';
import { StartRefusal } from '../common/index.js';
import { configSchema } from '../config/index.js';
import { applyMigrations, revertMigration } from './apply-migrations.js';
import { closeDataSources, openDataSources } from './data-source.js';

const NAMES = MIGRATIONS.map((migration) => new migration().name);

/** One process's start. */
async function start(url: string, waitSeconds = 30, lines: string[] = []): Promise<string[]> {
  const sources = await openDataSources(configSchema.parse({ database_url: url }), [], MIGRATIONS);
  try {
    return await applyMigrations(sources.writer, { waitSeconds, tell: (line) => lines.push(line) });
  } finally {
    await closeDataSources(sources);
  }
}

async function revertAll(url: string): Promise<void> {
  const sources = await openDataSources(configSchema.parse({ database_url: url }), [], MIGRATIONS);
  const turn = { waitSeconds: 30, tell: () => undefined };
  try {
    while ((await revertMigration(sources.writer, turn)) !== undefined);
  } finally {
    await closeDataSources(sources);
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

describe('migrations on Postgres', () => {
  const { url } = postgresDatabase();
  let directly: pg.Client;
  /** Not by way of a pooler, whatever the other tests do. */
  const own = (): string => {
    const address = new URL(inject('postgres').url);
    address.pathname = new URL(url).pathname;
    return address.href;
  };
  beforeAll(async () => {
    directly = await connect(own());
  });
  afterAll(() => directly.end());

  async function locks(): Promise<number> {
    const { rows } = await directly.query<{ count: string }>(
      `SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    return Number(rows[0]?.count);
  }

  it('are applied once by all that start together', async () => {
    const applied = await Promise.all(Array.from({ length: 6 }, () => start(url)));
    expect(applied.flat().toSorted()).toEqual(NAMES.toSorted());
    await revertAll(url);
  });

  it('leave nothing behind when one fails', async () => {
    await directly.query('CREATE TABLE webhook_endpoints (id int)');
    await expect(start(url)).rejects.toThrow(/webhook_endpoints/);
    expect((await directly.query("SELECT 1 FROM pg_tables WHERE tablename = 'generations'")).rows).toEqual([]);
    await directly.query('DROP TABLE webhook_endpoints');
    expect(await locks()).toBe(0);
  });

  it('wait while another process applies some, say so, and go on when it is done', async () => {
    await directly.query('BEGIN');
    await directly.query('SELECT pg_advisory_xact_lock(7226431907)');
    const lines: string[] = [];
    const started = start(url, 60, lines);
    await expect.poll(() => lines.length).toBe(1);
    await directly.query('COMMIT');
    expect(await started).toEqual(NAMES);
    expect(lines[0]).toMatch(
      /^Waiting to bring the schema up to date, 0 of at most 60 seconds so far: backend \d+ of Postgres .*idle in trans/,
    );
    await revertAll(url);
  });

  it('give up on a lock that a session left behind, and say how to be rid of it', async () => {
    const left = await connect(own());
    await left.query('SELECT pg_advisory_lock(7226431907)');
    const refused = await start(url, 1).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StartRefusal);
    expect(String(refused)).toMatch(
      /could not be brought up to date within 1 seconds \(database\.migration_wait_seconds\): backend \d+ of Postgres.* idle .*SELECT pg_terminate_backend\(\d+\)\.$/,
    );
    await left.end();
    expect(await start(url)).toEqual(NAMES);
  });

  it('wait for a table that somebody uses, and keep nobody else from it meanwhile', { timeout: 60_000 }, async () => {
    const sources = await openDataSources(configSchema.parse({ database_url: url }), [], MIGRATIONS);
    const turn = { waitSeconds: 30, tell: () => undefined };
    while ((await revertMigration(sources.writer, turn)) !== 'Webhooks1763700000000');
    await closeDataSources(sources);
    await directly.query('BEGIN');
    await directly.query('LOCK TABLE generations IN ACCESS SHARE MODE');
    const lines: string[] = [];
    const started = start(url, 60, lines);
    await expect.poll(() => lines, { timeout: 20_000 }).toEqual([expect.stringMatching(/another connection uses a table .*lock timeout/)]);
    await directly.query('COMMIT');
    expect(await started).toEqual(NAMES.slice(1));
    await revertAll(url);
  });

  it.skipIf(!hasPgBouncer).each([
    ['one session', { default_pool_size: 1 }],
    ['several sessions', { default_pool_size: 4 }],
  ])(
    'take turns through PgBouncer with %s, roll-out after roll-out, and leave no lock behind',
    { timeout: 120_000 },
    async (_name, settings) => {
      const pooler = await PgBouncer.prepare(inject('postgres').url, settings);
      try {
        await pooler.start();
        const pooled = pooler.urlOf(url);
        for (let rollOut = 0; rollOut < 3; rollOut += 1) {
          const applied = await Promise.all(
            Array.from({ length: 6 }, async (_, index) => {
              await delay(index * 20);
              return start(pooled);
            }),
          );
          expect(applied.flat().toSorted()).toEqual(NAMES.toSorted());
          expect(await locks()).toBe(0);
          await revertAll(pooled);
        }
      } finally {
        await pooler.stop();
      }
    },
  );
});
