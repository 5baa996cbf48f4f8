import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestApplication, testApplication } from '../../../test/support/application.js';
import { until } from '../../../test/support/client.js';
import { hasRedis, RedisServer } from '../../../test/support/redis.js';
import { TcpFront } from '../../../test/support/tcp-front.js';

const MASTER_KEY = 'a-master-key-for-a-redis-that-refuses';

describe.skipIf(!hasRedis)('a Redis that answers and does not count', () => {
  let first: RedisServer;
  let second: RedisServer;
  let front: TcpFront;
  let gateway: TestApplication;
  let headers: { authorization: string };

  beforeAll(async () => {
    first = await RedisServer.start();
    second = await RedisServer.start();
    front = await TcpFront.open(first.url);
    gateway = await testApplication('sqlite://:memory:', { master_key: MASTER_KEY, redis: { url: `redis://127.0.0.1:${front.port}` } });
    const created = await gateway.app.inject({
      method: 'POST',
      url: '/v1/keys',
      headers: { authorization: `Bearer ${MASTER_KEY}` },
      payload: { name: 'limited', rpm_limit: 100_000 },
    });
    headers = { authorization: `Bearer ${created.json<{ key: string }>().key}` };
  });
  afterAll(() => front.close());

  const generate = () =>
    gateway.app.inject({
      method: 'POST',
      url: '/v1/images/generations',
      headers,
      payload: { model: 'mock/paint', prompt: `a refusal ${Math.random()}`, response_format: 'url' },
    });
  const ready = async () => {
    const answer = await gateway.app.inject({ url: '/health/ready' });
    const { checks, reasons } = answer.json<{ checks: { redis: boolean }; reasons: string[] }>();
    return { status: answer.statusCode, redis: checks.redis, reasons };
  };
  /** How often it was logged as a change; every refused request names the cause as well. */
  const told = (text: string) => gateway.lines.filter((line) => line.includes('"context":"Redis"') && line.includes(text)).length;

  it('is left for the new primary after a failover, although the old one keeps its connections', async () => {
    expect((await generate()).statusCode).toBe(200);
    await first.follow(second);
    front.leadTo(second.url);
    const refused = await generate();
    expect([refused.statusCode, refused.json()]).toMatchObject([503, { error: { code: 'limiter_unavailable' } }]);
    await until(async () => (await generate()).statusCode === 200);
    expect(await ready()).toEqual({ status: 200, redis: true, reasons: [] });
    expect([told('Redis is a replica, which takes no writes'), told('Redis is back')]).toEqual([1, 1]);
    expect(await second.command('DBSIZE')).toBeGreaterThan(0);
  });

  it('is told by its reason while its name still leads to the old primary, once, and asked again until it leads on', async () => {
    front.leadTo(first.url);
    await second.command('CLIENT', 'KILL', 'TYPE', 'normal');
    await until(
      async () => (await generate()).statusCode === 503 && (await ready()).reasons.some((reason) => reason.includes('a replica')),
    );
    expect(await ready()).toMatchObject({ status: 200, redis: false, reasons: [expect.stringContaining('must lead to the new primary')] });
    for (let tries = 0; tries < 5; tries += 1) expect((await generate()).statusCode).toBe(503);
    expect(told('Redis is a replica, which takes no writes')).toBe(2);
    front.leadTo(second.url);
    await until(async () => (await generate()).statusCode === 200);
    expect(await ready()).toMatchObject({ redis: true, reasons: [] });
  });

  it.each([
    { setting: 'maxmemory', bad: '1', good: '0', reason: 'Redis is full: it has reached its maxmemory' },
    { setting: 'min-replicas-to-write', bad: '5', good: '0', reason: 'Redis has fewer replicas than its min-replicas-to-write' },
  ])('is told by its reason, as for $setting, and back when it counts again', async ({ setting, bad, good, reason }) => {
    const before = told('Redis is back');
    await second.command('CONFIG', 'SET', setting, bad);
    for (let tries = 0; tries < 3; tries += 1) expect((await generate()).statusCode).toBe(503);
    expect(await ready()).toEqual({ status: 200, redis: false, reasons: [expect.stringContaining(reason)] });
    expect(told(reason)).toBe(1);
    await second.command('CONFIG', 'SET', setting, good);
    expect(await ready()).toMatchObject({ redis: true, reasons: [] });
    expect((await generate()).statusCode).toBe(200);
    expect(told('Redis is back')).toBe(before + 1);
  });

  it('is told by name when it belongs to a cluster, and refused at the start', async () => {
    const node = await RedisServer.start(['--cluster-enabled', 'yes']);
    front.leadTo(node.url);
    await second.command('CLIENT', 'KILL', 'TYPE', 'normal');
    await until(async () => (await ready()).reasons.some((text) => text.includes('Redis Cluster')));
    expect((await generate()).statusCode).toBe(503);
    expect(told('Redis belongs to a Redis Cluster')).toBe(1);
    await expect(testApplication('sqlite://:memory:', { redis: { url: node.url } })).rejects.toThrow(
      'Redis belongs to a Redis Cluster, which is not supported',
    );
  });
});
