import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { jsonReply } from '@litegen/plugin-sdk/testing';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { sqlitePath } from '../../src/platform/database/index.js';
import { until } from '../support/client.js';
import { postgresDatabase, sqliteDatabase } from '../support/databases.js';
import { DELIVERED, PricedApplication } from '../support/priced-application.js';
import { pngBase64 } from '../support/scripted-simulator.js';
import { breakTable, mend } from '../support/triggers.js';

/** Longer than SQLite waits for a lock by itself. */
const TEST_TIMEOUT_MS = 60_000;

/** While the vendor works something goes wrong with the database; it passes after the vendor has answered. */
async function through(gateway: PricedApplication, begin: () => Promise<void>, end: () => Promise<void>): Promise<void> {
  let answerNow = (): void => undefined;
  const answering = new Promise<void>((resolve) => (answerNow = resolve));
  gateway.vendor.script({
    '/v1/images/generations': async () => {
      await answering;
      return jsonReply(200, { created: 1, data: [{ b64_json: pngBase64() }] });
    },
  });
  const before = gateway.lines.length;
  const answer = gateway.picture();
  await until(() => gateway.vendor.requests.length > 0);
  await begin();
  answerNow();
  await until(() => gateway.lines.slice(before).some((line) => line.includes('is not written yet')));
  const refused = await gateway.picture({ prompt: 'meanwhile' });
  await end();
  expect([refused.statusCode, refused.json()]).toMatchObject([503, { error: { code: 'database_unavailable' } }]);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  expect((await answer).statusCode).toBe(200);
  expect(await gateway.latest()).toMatchObject(DELIVERED);
  expect(gateway.vendor.requests).toHaveLength(1);
}

describe('an end while Postgres is in trouble', () => {
  const { url: given } = postgresDatabase();
  const name = new URL(given).pathname.slice(1);
  // Not by way of a pooler, which may have a role of its own.
  const url = new URL(name, inject('postgres').url).href;
  const role = `litegen_${randomBytes(6).toString('hex')}`;
  let admin: pg.Client;
  let gateway: PricedApplication;

  const disconnect = async (): Promise<void> => {
    await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [role]);
  };
  /** From another database: one does not close itself. */
  const server = async (statement: string): Promise<void> => {
    const client = new pg.Client({ connectionString: inject('postgres').url });
    await client.connect();
    await client.query(statement);
    await client.end();
  };
  const setting = async (text: string): Promise<void> => {
    await admin.query(`ALTER ROLE ${role} ${text}`);
    await disconnect();
  };

  beforeAll(async () => {
    admin = new pg.Client({ connectionString: url });
    await admin.connect();
    await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'one'`);
    await admin.query(`GRANT ALL ON SCHEMA public TO ${role}`);
    const own = new URL(url);
    own.username = role;
    own.password = 'one';
    gateway = await PricedApplication.start(own.href);
  });
  afterEach(() => gateway.vendor.reset());
  afterAll(async () => {
    await gateway.close();
    await admin.query(`DROP OWNED BY ${role} CASCADE`);
    await admin.query(`DROP ROLE ${role}`);
    await admin.end();
  });

  it('is written when the password is right again', { timeout: TEST_TIMEOUT_MS }, () =>
    through(
      gateway,
      () => setting(`PASSWORD 'two'`),
      async () => void (await admin.query(`ALTER ROLE ${role} PASSWORD 'one'`)),
    ),
  );

  it('is written when the role may do so again', { timeout: TEST_TIMEOUT_MS }, () =>
    through(
      gateway,
      async () => void (await admin.query(`REVOKE INSERT, UPDATE ON generations FROM ${role}`)),
      async () => void (await admin.query(`GRANT INSERT, UPDATE ON generations TO ${role}`)),
    ),
  );

  it('is written when the database takes connections again', { timeout: TEST_TIMEOUT_MS }, () =>
    through(
      gateway,
      async () => {
        await server(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS false`);
        await disconnect();
      },
      () => server(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS true`),
    ),
  );

  it.each(['lock_timeout', 'statement_timeout'])(
    'is written when a lock is let go that lasted longer than %s',
    { timeout: TEST_TIMEOUT_MS },
    async (limit) => {
      const other = new pg.Client({ connectionString: url });
      await other.connect();
      try {
        await through(
          gateway,
          async () => {
            await setting(`SET ${limit} = '300ms'`);
            await other.query('BEGIN');
            await other.query('LOCK TABLE generations IN ACCESS EXCLUSIVE MODE');
          },
          async () => {
            await other.query('ROLLBACK');
            await setting(`RESET ${limit}`);
          },
        );
      } finally {
        await other.end();
      }
    },
  );

  it.each(['40001', '40P01', '25P03', '55P03', '57014', 'P0001'])(
    'is written when SQLSTATE %s has passed',
    { timeout: TEST_TIMEOUT_MS },
    async (sqlState) => {
      await breakTable(gateway.database, { table: 'generations', on: 'UPDATE', sqlState, times: 3, when: `NEW.status = 'completed'` });
      const answer = await gateway.picture({ prompt: `not ${sqlState}` });
      await mend(gateway.database, 'generations');
      expect(answer.statusCode).toBe(200);
      expect(await gateway.latest()).toMatchObject(DELIVERED);
      expect(gateway.vendor.requests).toHaveLength(1);
    },
  );

  it('is one of work that this process goes on with, though it could not renew its lease', { timeout: TEST_TIMEOUT_MS }, async () => {
    const hurried = await PricedApplication.start(url, { engine: { lease_seconds: 1 } });
    try {
      hurried.pictures(4_000);
      const beats = 'NEW.lease_owner = OLD.lease_owner AND NEW.lease_token = OLD.lease_token AND NEW.next_run_at > OLD.next_run_at';
      await breakTable(hurried.database, { table: 'attempts', on: 'UPDATE', sqlState: '55P03', when: beats });
      const answer = await hurried.picture({ prompt: 'without a beat' });
      await mend(hurried.database, 'attempts');
      expect(answer.statusCode).toBe(200);
      expect(await hurried.latest()).toMatchObject(DELIVERED);
      expect(hurried.vendor.requests).toHaveLength(1);
      expect(hurried.lines.some((line) => line.includes('Leases could not be renewed'))).toBe(true);
    } finally {
      await hurried.close();
    }
  });
});

/** Another program that writes to the same file, and takes its time. */
const LOCKER = `
const { Database } = require(process.argv[1]);
const database = new Database(process.argv[2]);
database.exec('BEGIN EXCLUSIVE', (error) => process.stdout.write(error === null ? 'locked' : String(error)));
process.stdin.on('end', () => database.exec('ROLLBACK', () => process.exit(0))).resume();
`;

describe('an end while another program has locked the SQLite file', () => {
  const { url } = sqliteDatabase();
  let gateway: PricedApplication;
  let locker: ChildProcess | undefined;

  beforeAll(async () => {
    gateway = await PricedApplication.start(url);
  });
  afterAll(async () => {
    locker?.kill('SIGKILL');
    await gateway.close();
  });

  it('is written when it lets go', { timeout: TEST_TIMEOUT_MS }, () =>
    through(
      gateway,
      () =>
        new Promise((resolve, reject) => {
          const driver = createRequire(import.meta.url).resolve('sqlite3');
          locker = spawn(process.execPath, ['-e', LOCKER, driver, sqlitePath(url)], { stdio: ['pipe', 'pipe', 'inherit'] });
          locker.stdout?.once('data', (text: Buffer) => (String(text) === 'locked' ? resolve() : reject(new Error(String(text)))));
        }),
      () =>
        new Promise((resolve) => {
          locker?.once('exit', () => resolve());
          locker?.stdin?.end();
        }),
    ),
  );
});
