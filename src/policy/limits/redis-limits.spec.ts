import { beforeAll, describe, expect, it } from 'vitest';
import { type TestApplication, testApplication } from '../../../test/support/application.js';
import { until } from '../../../test/support/client.js';
import { postgresDatabase } from '../../../test/support/databases.js';
import { hasRedis, RedisServer } from '../../../test/support/redis.js';
import { Redis, RedisUnavailable } from '../../platform/redis/index.js';
import { RATE_WINDOW_MS } from './limits.service.js';
import { RedisBucketStorage } from './redis-bucket.storage.js';

const MASTER_KEY = 'a-master-key-for-shared-limits';

describe.skipIf(!hasRedis)('limits that replicas share', () => {
  const { url } = postgresDatabase();
  let server: RedisServer;
  let replicas: TestApplication[];

  beforeAll(async () => {
    server = await RedisServer.start();
    const settings = { master_key: MASTER_KEY, redis: { url: server.url } };
    const first = await testApplication(url, settings);
    replicas = [first, await testApplication(url, settings), await testApplication(url, settings)];
  });

  async function key(rpmLimit: number): Promise<{ authorization: string }> {
    const created = await (replicas[0] as TestApplication).app.inject({
      method: 'POST',
      url: '/v1/keys',
      headers: { authorization: `Bearer ${MASTER_KEY}` },
      payload: { name: 'limited', rpm_limit: rpmLimit },
    });
    return { authorization: `Bearer ${created.json<{ key: string }>().key}` };
  }

  const get = (headers: object, path = '/v1/models', replica = 0) =>
    (replicas[replica % replicas.length] as TestApplication).app.inject({ url: path, headers: { ...headers } });
  const generate = (headers: object) =>
    (replicas[1] as TestApplication).app.inject({
      method: 'POST',
      url: '/v1/images/generations',
      headers: { ...headers },
      payload: { model: 'mock/paint', prompt: `an outage ${Math.random()}`, response_format: 'url' },
    });

  it.each([7, 25])('lets exactly %i requests through, whichever replicas they reach', async (limit) => {
    const headers = await key(limit);
    const answers = await Promise.all(Array.from({ length: limit * 3 }, (_, index) => get(headers, '/v1/models/no/such', index)));
    expect(answers.filter(({ statusCode }) => statusCode === 404)).toHaveLength(limit);
    const refused = answers.filter(({ statusCode }) => statusCode === 429);
    expect(refused).toHaveLength(limit * 2);
    for (const { headers: seen } of refused) {
      expect(seen).toMatchObject({ 'x-ratelimit-limit': String(limit), 'x-ratelimit-remaining': '0' });
      expect(Number(seen['retry-after'])).toBeGreaterThanOrEqual(1);
    }
    const remaining = answers
      .filter(({ statusCode }) => statusCode === 404)
      .map(({ headers: seen }) => Number(seen['x-ratelimit-remaining']));
    expect(remaining.sort((left, right) => left - right)).toEqual(Array.from({ length: limit }, (_, index) => index));
  });

  it('gives tokens back evenly, and keeps buckets apart', async () => {
    const storage = new RedisBucketStorage((replicas[0] as TestApplication).app.get(Redis));
    const hit = (name: string) => storage.increment(name, 8_000, 4);
    for (let used = 1; used <= 4; used += 1) expect(await hit('one')).toMatchObject({ isBlocked: false, totalHits: used });
    const blocked = await hit('one');
    expect(blocked).toMatchObject({ isBlocked: true, totalHits: 4 });
    expect(blocked.timeToBlockExpire).toBeLessThanOrEqual(2);
    expect(await hit('two')).toMatchObject({ isBlocked: false, totalHits: 1 });
    await until(async () => !(await hit('one')).isBlocked);
  });

  it('answers as the storage of one process does', async () => {
    const storage = new RedisBucketStorage((replicas[0] as TestApplication).app.get(Redis));
    const first = await storage.increment('same', RATE_WINDOW_MS, 60);
    expect(first).toMatchObject({ totalHits: 1, isBlocked: false, timeToBlockExpire: 0 });
    expect(first.timeToExpire).toBeCloseTo(1, 2);
  });

  it('refuses what may spend while Redis is away or hangs, lets the rest through, and recovers by itself', async () => {
    const headers = await key(1000);
    expect((await generate(headers)).statusCode).toBe(200);
    const away = [
      { begin: () => server.kill(), end: () => server.start() },
      { begin: async () => server.hang(), end: async () => server.goOn() },
    ];
    for (const { begin, end } of away) {
      await begin();
      await until(async () => (await generate(headers)).statusCode === 503);
      const refused = await generate(headers);
      expect(refused.json()).toMatchObject({ error: { code: 'limiter_unavailable', type: 'service_unavailable' } });
      expect(refused.headers).toMatchObject({ 'retry-after': '2', 'x-should-retry': 'true' });
      expect((await get(headers)).statusCode).toBe(200);
      // Nothing is counted for the master key, so nothing is missing.
      expect((await generate({ authorization: `Bearer ${MASTER_KEY}` })).statusCode).toBe(200);
      const ready = await get({}, '/health/ready');
      expect(ready.statusCode).toBe(200);
      expect(ready.json()).toMatchObject({ status: 'ready', checks: { redis: false } });
      await end();
      await until(async () => (await generate(headers)).statusCode === 200);
    }
    // Once for each outage and replica, however many requests and attempts fail; a busy machine may see more outages than were made.
    const told = replicas.flatMap(({ lines }) => lines).flatMap((line) => /"msg":"Redis is (away|back)/.exec(line)?.[1] ?? []);
    expect(told).toContain('away');
    let cutOff = 0;
    for (const word of told) {
      cutOff += word === 'away' ? 1 : -1;
      expect(cutOff).toBeLessThanOrEqual(replicas.length);
    }
  });

  it('says what is wrong when there is no Redis', async () => {
    const { app } = await testApplication(url, { master_key: MASTER_KEY, redis: { url: 'redis://127.0.0.1:1' } });
    await expect(app.get(Redis).run((client) => client.ping())).rejects.toBeInstanceOf(RedisUnavailable);
    expect((await app.inject({ url: '/health/ready' })).json()).toMatchObject({ status: 'ready', checks: { redis: false } });
  });
});
