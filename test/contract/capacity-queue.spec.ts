import { beforeAll, describe, expect, it } from 'vitest';
import type { GenerationEntity } from '../../src/engine/generations/index.js';
import { CapacityRepository } from '../../src/engine/generations/store/capacity.repository.js';
import { newId } from '../../src/platform/common/index.js';
import { Database, rows } from '../../src/platform/database/index.js';
import { capacityName } from '../../src/policy/limits/index.js';
import { type TestApplication, testApplication } from '../support/application.js';
import { until } from '../support/client.js';
import { databases } from '../support/databases.js';
import { attemptRow, generationRow, SEED_TIME_MS, seed } from '../support/generations.js';
import { createKey } from '../support/keys.js';

const MASTER = { authorization: 'Bearer a-master-key-for-queues' };

interface Seen {
  readonly id: string;
  readonly status: string;
  readonly attemptCount: number;
  readonly nextRunAt: number | null;
}

/** Who waits, for what, and who goes first. Replicas are applications on one database; SQLite has one process. */
describe.each(databases())('generations that wait for room on $name', ({ name, url }) => {
  let replicas: TestApplication[];

  beforeAll(async () => {
    const settings = {
      master_key: 'a-master-key-for-queues',
      engine: { tick_ms: 50 },
      limits: { models: { 'mock/clip': { max_in_flight: 2 }, 'mock/keyframe-video': { max_in_flight: 1 } } },
    };
    replicas = [];
    for (let count = 0; count < (name === 'postgres' ? 3 : 1); count += 1) replicas.push(await testApplication(url, settings));
    // Each takes up what is due, as it does once it listens.
    for (const { app } of replicas) await app.listen(0, '127.0.0.1');
  });

  const at = (index: number) => (replicas[index % replicas.length] as TestApplication).app;

  const key = (fields: object) => createKey(at(0), MASTER, fields);

  let requests = 0;
  function image(headers: object, words: string, index = 0, more: object = {}) {
    requests += 1;
    const payload = { model: 'mock/paint', prompt: `request ${requests} [mock ${words}]`, response_format: 'url' };
    return at(index).inject({ method: 'POST', url: '/v1/images/generations', headers: { ...headers, ...more }, payload });
  }
  function clip(headers: object, words: string, index = 0, model = 'mock/clip') {
    requests += 1;
    const payload = { model, prompt: `request ${requests} [mock ${words}]`, seconds: 1, size: '320x180', fps: 2 };
    return at(index).inject({ method: 'POST', url: '/v1/videos', headers: { ...headers }, payload });
  }

  /** A key's generations in the order in which they came. */
  function seen(keyId: string): Promise<Seen[]> {
    return rows<Seen>(
      at(0).get(Database).manager,
      `SELECT id, status, attempt_count AS "attemptCount", (SELECT CAST(MAX(next_run_at) AS DOUBLE PRECISION) FROM attempts
         WHERE generation_id = generations.id) AS "nextRunAt"
       FROM generations WHERE key_id = :keyId ORDER BY created_at, id`,
      { keyId },
    );
  }

  async function cancelAll(keyId: string, headers: object): Promise<void> {
    await until(async () => {
      const open = (await seen(keyId)).filter(({ status }) => !['completed', 'failed', 'cancelled'].includes(status));
      for (const { id } of open) {
        await at(0).inject({ method: 'PATCH', url: `/v1/generations/${id}`, headers: { ...headers }, payload: { status: 'cancelled' } });
      }
      return open.length === 0;
    });
  }

  it('takes exactly as many of 300 at once as may run and wait', async () => {
    const { id, headers } = await key({ max_in_flight: 7, max_queued: 20 });
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, index) => image(headers, 'async latency=1000s', index, { prefer: 'respond-async' })),
    );
    const codes = answers.map(({ statusCode }) => statusCode);
    expect(codes.filter((code) => code === 202)).toHaveLength(27);
    expect(codes.filter((code) => code === 429)).toHaveLength(273);
    for (const { statusCode, headers: sent } of answers) if (statusCode === 429) expect(sent['retry-after']).toBe('2');
    await until(async () => (await seen(id)).filter(({ status }) => status === 'running').length === 7);
    expect((await seen(id)).filter(({ status }) => status === 'queued')).toHaveLength(20);
    await cancelAll(id, headers);
    expect((await image(headers, 'latency=0ms')).statusCode).toBe(200);
  });

  it('lets those who wait for a full model stand in the way of no other model', async () => {
    const { id, headers } = await key({ max_in_flight: 4 });
    for (let count = 0; count < 8; count += 1) expect((await clip(headers, 'latency=1000s', count)).statusCode).toBe(200);
    await until(async () => (await seen(id)).filter(({ status }) => status === 'running').length === 2);
    for (let count = 0; count < 6; count += 1) expect((await image(headers, 'latency=0ms', count)).statusCode).toBe(200);
    // Ends of the other model call nobody who cannot begin.
    const waiting = (await seen(id)).filter(({ status }) => status === 'queued');
    expect(waiting).toHaveLength(6);
    await cancelAll(id, headers);
  });

  it('calls who waits longest for a limit, as many as have room', async () => {
    const keyId = newId('key');
    const limit = { scope: 'key', id: keyId, maxInFlight: 3 } as const;
    const rowAt = (createdAt: number, change: object) => generationRow({ keyId, createdAt, status: 'queued', ...change });
    const waiting = [5, 3, 1, 4, 2].map((at) => rowAt(at, {}));
    const elsewhere = rowAt(0, {});
    const running = rowAt(0, { status: 'running' });
    const database = at(0).get(Database);
    const waitFor = (waitsFor: string) => (row: GenerationEntity) => attemptRow(row, { state: 'queued', waitsFor });
    const attempts = [...waiting.map(waitFor(capacityName(limit))), waitFor('model:mock/clip')(elsewhere)];
    await seed(database, { generations: [...waiting, elsewhere, running], attempts });
    const repository = at(0).get(CapacityRepository);
    const called = async () => (await seen(keyId)).filter(({ nextRunAt }) => Number(nextRunAt) === SEED_TIME_MS).map(({ id }) => id);
    const inOrder = [2, 4, 1, 3, 0].map((index) => waiting[index]?.id);
    await database.transaction((manager) => repository.wake(manager, [limit], SEED_TIME_MS));
    expect(await called()).toEqual(inOrder.slice(0, 2));
    // Those two have the room already.
    await database.transaction((manager) => repository.wake(manager, [limit], SEED_TIME_MS));
    expect(await called()).toEqual(inOrder.slice(0, 2));
  });

  it('does not shorten the pause before another attempt', async () => {
    const { id, headers } = await key({ max_in_flight: 1 });
    const first = await image(headers, 'async fail=rate_limited retry_after=600s times=1', 0, { prefer: 'respond-async' });
    expect(first.statusCode).toBe(202);
    await until(async () => (await seen(id)).every(({ status }) => status === 'queued'));
    for (let count = 0; count < 3; count += 1) expect((await image(headers, 'latency=0ms', count)).statusCode).toBe(200);
    const [pausing] = await seen(id);
    expect(pausing).toMatchObject({ status: 'queued', attemptCount: 1 });
    expect(Number(pausing?.nextRunAt)).toBeGreaterThan(Date.now() + 500_000);
    await cancelAll(id, headers);
  });

  it('gives what an attempt leaves before its pause to who waits', async () => {
    const { id, headers } = await key({ max_in_flight: 1 });
    await image(headers, 'async latency=300ms fail=rate_limited retry_after=600s', 0, { prefer: 'respond-async' });
    await image(headers, 'latency=0ms', 1, { prefer: 'respond-async' });
    await until(async () => (await seen(id)).some(({ status }) => status === 'completed'));
    expect((await seen(id)).map(({ status }) => status)).toEqual(['queued', 'completed']);
    await cancelAll(id, headers);
  });

  it('has room again when what a dead process was sending was taken up', async () => {
    const { id, headers } = await key({ max_in_flight: 1 });
    const abandoned = generationRow({
      keyId: id,
      model: 'mock/keyframe-video',
      status: 'dispatching',
      holdMicros: 0,
      holdState: 'released',
      attemptCount: 1,
      deadlineAt: Date.now() + 60_000,
    });
    const lease = { leaseOwner: 'a process that died', leaseToken: 1, nextRunAt: Date.now() + 1_500 };
    const sent = attemptRow(abandoned, { ...lease, state: 'sent', charged: null });
    await seed(at(0).get(Database), { generations: [abandoned], attempts: [sent] });
    expect((await image(headers, 'latency=0ms')).statusCode).toBe(429);
    await until(async () => (await image(headers, 'latency=0ms')).statusCode === 200);
    expect((await seen(id)).filter((row) => row.id === abandoned.id)).not.toMatchObject([{ status: 'dispatching' }]);
  });
});
