import { setTimeout as delay } from 'node:timers/promises';
import { type CompatibleSimulator, startCompatibleSimulator } from 'litegen-provider-openai-compatible/simulator';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { configSchema } from '../../src/platform/config/index.js';
import { CommitUnknown, Database, DatabaseTimeout, isUnavailable, openDataSources, rows } from '../../src/platform/database/index.js';
import { testApplication } from '../support/application.js';
import { until } from '../support/client.js';
import { DatabaseProxy } from '../support/database-proxy.js';
import { postgresDatabase } from '../support/databases.js';

const WORK_MS = 400;
const PATIENCE = { timeout: 15_000 };

describe('a database that is away', () => {
  const { url } = postgresDatabase();
  const proxy = new DatabaseProxy();
  let database: Database;
  beforeAll(async () => {
    const config = configSchema.parse({ database_url: await proxy.open(url), database: { pool_size: 1, timeout_seconds: 0.5 } });
    database = new Database(await openDataSources(config, [], []));
    await database.write((manager) => manager.query('CREATE TABLE things (id INTEGER PRIMARY KEY)'));
  });
  afterEach(async () => {
    proxy.thaw();
    proxy.cut();
    await proxy.restore();
  });
  afterAll(async () => {
    await database.close();
    proxy.cut();
  });
  const add = (id: number) => database.transaction((manager) => rows(manager, 'INSERT INTO things (id) VALUES (:id)', { id }));
  const ids = async () => (await rows<{ id: number }>(database.manager, 'SELECT id FROM things ORDER BY id')).map(({ id }) => id);

  it('is told from everything else that can fail', async () => {
    await expect(add(0)).resolves.toEqual([]);
    const refused = await add(0).catch((error: unknown) => error);
    expect([isUnavailable(refused), String(refused)]).toEqual([false, expect.stringContaining('duplicate key')]);
    proxy.cut();
    for (const ask of [() => add(1), () => ids()]) expect(isUnavailable(await ask().catch((error: unknown) => error))).toBe(true);
    await proxy.restore();
    await expect(add(1)).resolves.toEqual([]);
  });

  it('is given up in time, and no transaction is left for the next one to commit', async () => {
    await expect(
      database.transaction(async (manager) => {
        await rows(manager, 'INSERT INTO things (id) VALUES (:id)', { id: 2 });
        proxy.freeze();
        await rows(manager, 'INSERT INTO things (id) VALUES (:id)', { id: 3 });
      }),
    ).rejects.toSatisfy((error: unknown) => isUnavailable(error) && !(error instanceof CommitUnknown));
    proxy.thaw();
    // There is one connection in the pool: had it been kept, this would be part of the transaction above.
    await expect(add(4)).resolves.toEqual([]);
    expect(await ids()).toEqual([0, 1, 4]);
  });

  it('answers within the limit when it stands still, to those who wait for a connection as well', async () => {
    proxy.freeze();
    const answers = await Promise.all(
      [ids(), ids(), add(5)].map((answer) =>
        answer.then(
          () => undefined,
          (error: unknown) => error,
        ),
      ),
    );
    for (const error of answers) expect(isUnavailable(error), String(error)).toBe(true);
    expect(isUnavailable(new DatabaseTimeout(1))).toBe(true);
  });

  it('is looked for anew when the server became a standby', async () => {
    await database.write((manager) => manager.query('SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY'));
    expect(isUnavailable(await add(8).catch((error: unknown) => error))).toBe(true);
    await expect(add(8)).resolves.toEqual([]);
  });

  it('may have committed what it did not answer', async () => {
    // The pool has to see first that its connection was cut.
    await until(() =>
      ids().then(
        () => true,
        () => false,
      ),
    );
    const cut = proxy.cutAfterCommit();
    await expect(add(6)).rejects.toThrow(CommitUnknown);
    await cut;
    await proxy.restore();
    expect(await ids()).toContain(6);
  });

  it('is waited for by what must not be lost', async () => {
    proxy.cut();
    const repeats: boolean[] = [];
    const written = database.insist((isRepeated) => {
      repeats.push(isRepeated);
      return add(7);
    });
    await until(() => repeats.length > 2);
    await proxy.restore();
    await written;
    expect([await ids(), repeats.slice(0, 2)]).toEqual([expect.arrayContaining([7]), [false, true]]);
    await expect(database.insist(() => add(7))).rejects.toThrow('duplicate key');
  });
});

describe('requests while the database is away', () => {
  const { url } = postgresDatabase();
  const proxy = new DatabaseProxy();
  let vendor: CompatibleSimulator;
  let post: (headers?: Record<string, string>) => Promise<{ statusCode: number; headers: Record<string, unknown>; json(): never }>;
  let latest: () => Promise<Record<string, unknown> | undefined>;
  let directly: Database;

  beforeAll(async () => {
    vendor = await startCompatibleSimulator({ flavour: 'vllm-omni' });
    const { app } = await testApplication(await proxy.open(url), {
      database: { timeout_seconds: 2 },
      engine: { lease_seconds: 1, tick_ms: 50 },
      idempotency: { duplicate_guard_seconds: 0 },
      providers: { 'openai-compatible': { api_base: vendor.apiBase, options: { dialect: 'vllm-omni' } } },
    });
    await app.get(Database).migrate();
    directly = new Database(await openDataSources(configSchema.parse({ database_url: url }), [], []));
    post = (headers = {}) =>
      app.inject({
        method: 'POST',
        url: '/v1/images/generations',
        headers,
        payload: { model: 'openai-compatible/image', prompt: 'a boat', response_format: 'b64_json' },
      }) as unknown as ReturnType<typeof post>;
    latest = async () => {
      const [found] = await rows<Record<string, unknown>>(
        directly.manager,
        `SELECT g.status, g.error_code, g.hold_state, a.state AS attempt, (SELECT COUNT(*) FROM idempotency_keys) AS keys
         FROM generations g JOIN attempts a ON a.generation_id = g.id ORDER BY g.created_at DESC LIMIT 1`,
      );
      return found;
    };
  });
  afterEach(() => vendor.reset());
  afterAll(async () => {
    await directly.close();
    await vendor.close();
  });

  it('are refused with a code, and work again without a restart', async () => {
    proxy.cut();
    const refused = await post();
    expect([refused.statusCode, refused.json()]).toMatchObject([503, { error: { code: 'database_unavailable' } }]);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(refused.headers['x-should-retry']).toBe('true');
    await proxy.restore();
    expect((await post()).statusCode).toBe(200);
    expect(vendor.requests).toHaveLength(1);
  });

  it('lose no answer of a vendor that arrives meanwhile', async () => {
    vendor.inject({ kind: 'latency', ms: WORK_MS });
    const answer = post();
    await until(() => vendor.requests.length > 0);
    proxy.cut();
    await until(() => vendor.imagesMade() > 0);
    // Longer than the lease.
    await delay(1_500);
    await proxy.restore();
    expect((await answer).statusCode).toBe(200);
    expect(await latest()).toMatchObject({ status: 'completed', hold_state: 'settled', attempt: 'succeeded' });
    expect(vendor.requests).toHaveLength(1);
  });

  it('are not sent when it is unknown whether they were admitted, and their key stays free', async () => {
    const headers = { 'idempotency-key': 'unconfirmed' };
    const cut = proxy.cutAfterCommit();
    const refused = await post(headers);
    await cut;
    expect([refused.statusCode, refused.json()]).toMatchObject([503, { error: { code: 'database_unavailable' } }]);
    expect(await latest()).toMatchObject({ status: 'dispatching', attempt: 'sent', keys: 1 });
    await proxy.restore();
    await expect
      .poll(latest, PATIENCE)
      .toEqual({ status: 'failed', error_code: 'database_unavailable', hold_state: 'released', attempt: 'not_sent', keys: 0 });
    expect(vendor.requests).toHaveLength(0);
    expect((await post(headers)).statusCode).toBe(200);
    expect(vendor.requests).toHaveLength(1);
  });
});
