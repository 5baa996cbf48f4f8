import { beforeAll, describe, expect, it } from 'vitest';
import { Database, rows } from '../../src/platform/database/index.js';
import { type TestApplication, testApplication } from '../support/application.js';
import { until } from '../support/client.js';
import { databases } from '../support/databases.js';
import { createKey } from '../support/keys.js';

const MASTER = { authorization: 'Bearer a-master-key-for-capacity' };
const ROOM = 5;

/** Several processes' worth of applications on one database; SQLite has one process. */
describe.each(databases())('limits of work under way on $name', ({ name, url }) => {
  let replicas: TestApplication[];

  beforeAll(async () => {
    const settings = {
      master_key: 'a-master-key-for-capacity',
      engine: { tick_ms: 50 },
      limits: { models: { 'mock/paint': { max_in_flight: 2, max_queued: 0 }, 'mock/priced-*': { requests_per_minute: 3 } } },
    };
    const first = await testApplication(url, settings);
    replicas = [first];
    if (name === 'postgres') for (let more = 0; more < 2; more += 1) replicas.push(await testApplication(url, settings));
    // Each takes up what is due, as it does once it listens.
    for (const { app } of replicas) await app.listen(0, '127.0.0.1');
  });

  const at = (index: number) => (replicas[index % replicas.length] as TestApplication).app;

  const key = (fields: object) => createKey(at(0), MASTER, fields);

  let requests = 0;
  const image = (headers: object, words: string, index = 0, more: object = {}, model = 'mock/paint') => {
    requests += 1;
    return at(index).inject({
      method: 'POST',
      url: '/v1/images/generations',
      headers: { ...headers, ...more },
      payload: { model, prompt: `request ${requests} [mock ${words}]`, response_format: 'url' },
    });
  };
  const clip = (headers: object, words: string, index = 0) => {
    requests += 1;
    return at(index).inject({
      method: 'POST',
      url: '/v1/videos',
      headers: { ...headers },
      payload: { model: 'mock/clip', prompt: `request ${requests} [mock ${words}]`, seconds: 1, size: '320x180', fps: 2 },
    });
  };

  /** What the database shows of a key's or a model's generations at one moment. */
  async function statuses(column: 'key_id' | 'model', value: string): Promise<string[]> {
    const { manager } = at(0).get(Database);
    const found = await rows<{ status: string }>(manager, `SELECT status FROM generations WHERE ${column} = :value`, { value });
    return found.map(({ status }) => status);
  }

  const inFlight = (list: readonly string[]) => list.filter((status) => ['dispatching', 'running', 'ingesting'].includes(status)).length;

  it('starts exactly as many as there is room for, refuses what waits for an answer, and has room again afterwards', async () => {
    const { id: keyId, headers } = await key({ max_in_flight: ROOM });
    const answers = await Promise.all(Array.from({ length: 60 }, (_, index) => clip(headers, 'latency=1500ms', index)));
    // Videos wait in the queue, which has no bound for this key.
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([200]));
    let most = 0;
    await until(async () => {
      const list = await statuses('key_id', keyId);
      most = Math.max(most, inFlight(list));
      return list.filter((status) => status === 'completed').length >= ROOM * 2;
    });
    expect(most).toBe(ROOM);
    // A place may be free for a moment, until the next of the queue takes it.
    const refused = await until(async () => {
      const answer = await image(headers, 'latency=0ms');
      return answer.statusCode === 429 && answer;
    });
    expect(refused.json()).toMatchObject({ error: { code: 'concurrency_limit_exceeded', type: 'rate_limit_exceeded' } });
    expect(refused.headers).toMatchObject({ 'retry-after': '2', 'x-should-retry': 'true' });
    for (const { id } of answers.map((answer) => answer.json<{ id: string }>()))
      await at(0).inject({ method: 'PATCH', url: `/v1/generations/${id}`, headers: { ...headers }, payload: { status: 'cancelled' } });
    await until(async () => inFlight(await statuses('key_id', keyId)) === 0);
  });

  it('keeps a queue no longer than it may be', async () => {
    const { id: keyId, headers } = await key({ max_in_flight: 1, max_queued: 4 });
    const answers = await Promise.all(Array.from({ length: 40 }, (_, index) => clip(headers, 'latency=2s', index)));
    expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(5);
    expect(answers.filter(({ statusCode }) => statusCode === 429)).toHaveLength(35);
    expect((await statuses('key_id', keyId)).length).toBe(5);
  });

  it('refuses with 503 what the gateway itself has no room for', async () => {
    const slow = [image(MASTER, 'latency=1500ms', 0), image(MASTER, 'latency=1500ms', 1)];
    await until(async () => inFlight(await statuses('model', 'mock/paint')) === 2);
    const answers = await Promise.all(Array.from({ length: 12 }, (_, index) => image(MASTER, 'latency=0ms', index)));
    for (const answer of answers) {
      expect(answer.statusCode).toBe(503);
      expect(answer.json()).toMatchObject({ error: { code: 'over_capacity', model: 'mock/paint' } });
      expect(answer.headers).toMatchObject({ 'retry-after': '2', 'x-should-retry': 'true' });
    }
    // Its queue has no place at all.
    expect((await image(MASTER, 'latency=0ms', 0, { prefer: 'respond-async' })).statusCode).toBe(503);
    for (const answer of await Promise.all(slow)) expect(answer.statusCode).toBe(200);
    expect((await image(MASTER, 'latency=0ms')).statusCode).toBe(200);
  });

  it.each(['fail=internal', 'fail=content_rejected', 'fail=unavailable'])('has room again after %s', async (words) => {
    const { headers } = await key({ max_in_flight: 1 });
    for (let times = 0; times < 3; times += 1) {
      expect((await image(headers, words, times, {}, 'mock/url-refs-image')).statusCode).not.toBe(429);
    }
  });

  it('counts the requests for a model', async () => {
    const price = (index: number) => image(MASTER, 'latency=0ms', index, {}, 'mock/priced-paint');
    const first = [await price(0), await price(0), await price(0)];
    expect(first.map(({ statusCode }) => statusCode)).not.toContain(429);
    const refused = await price(0);
    expect(refused.statusCode).toBe(429);
    expect(refused.json()).toMatchObject({ error: { code: 'rate_limit_exceeded', model: 'mock/priced-paint' } });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
  });
});
