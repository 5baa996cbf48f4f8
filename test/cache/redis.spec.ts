import { createClient, type RedisClientType } from '@redis/client';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Answer, Client } from '../support/client.js';
import { until } from '../support/client.js';
import { postgresDatabase } from '../support/databases.js';
import { hasRedis, RedisServer } from '../support/redis.js';
import { CacheGateway } from './cache-application.js';

const HOUR = { 'x-litegen-cache-ttl': '3600' };
const picture = (prompt: string) => ({ model: 'openai-compatible/picture', prompt, response_format: 'url' });

describe.skipIf(!hasRedis)('the cache of two replicas with Redis', () => {
  const { url } = postgresDatabase();
  let redis: RedisServer;
  let gateway: CacheGateway;
  let clients: [Client, Client];

  beforeAll(async () => {
    redis = await RedisServer.start();
    const started = await CacheGateway.start(url, { replicas: 2, redis: { url: redis.url, key_prefix: 'test:' } });
    ({ gateway } = started);
    const { client } = await gateway.key();
    clients = [client(0), client(1)];
    return started.close;
  });

  const ask = async (replica: 0 | 1, prompt: string): Promise<Answer> => {
    const answer = await clients[replica].image(picture(prompt), { headers: HOUR });
    expect([answer.status, answer.text.slice(0, 200)]).toEqual([200, expect.any(String)]);
    return answer;
  };
  const cacheOf = ({ headers }: Answer): string | null => headers.get('x-litegen-cache');

  async function withRedis<T>(work: (client: RedisClientType) => Promise<T>): Promise<T> {
    const client: RedisClientType = createClient({ url: redis.url });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await work(client);
    } finally {
      client.destroy();
    }
  }
  const keys = () => withRedis((client) => client.keys('*cache*'));

  it('shares what one of them has looked up', async () => {
    await ask(0, 'a fox');
    expect(cacheOf(await ask(0, 'a fox'))).toBe('hit');
    const [key = ''] = await keys();
    expect(key).toMatch(/^test:cache:[0-9a-f]{64}$/);
    await withRedis(async (client) => {
      expect(await client.pTTL(key)).toBeGreaterThan(0);
      // A mark, by which it is seen that the other replica has it from there.
      const stored = JSON.parse((await client.get(key)) ?? '') as { value: { completedAtMs: number } };
      stored.value.completedAtMs -= 500_000;
      await client.set(key, JSON.stringify(stored));
    });
    const second = await ask(1, 'a fox');
    expect([cacheOf(second), Number(second.headers.get('age'))]).toEqual(['hit', expect.closeTo(500, -2)]);
    expect(gateway.calls).toBe(1);
  });

  it('gives nothing that was cleared, whatever Redis and the other replica remember', async () => {
    await clients[0].read('/v1/cache', { method: 'DELETE' });
    expect(await keys()).toHaveLength(1);
    expect(cacheOf(await ask(1, 'a fox'))).toBe('miss');
    expect(await keys()).toHaveLength(0);
  });

  it('works on without Redis, and with it again', async () => {
    await ask(0, 'an owl');
    await redis.kill();
    expect(cacheOf(await ask(0, 'an owl'))).toBe('hit');
    expect(cacheOf(await ask(1, 'an owl'))).toBe('hit');
    expect(cacheOf(await ask(1, 'a hare'))).toBe('miss');
    await redis.start();
    await until(async () => {
      await ask(0, 'a hare');
      await gateway.master().send('/v1/cache', { method: 'DELETE' });
      await ask(0, 'a hare');
      await ask(0, 'a hare');
      return (await keys()).length > 0;
    });
  });

  it('does not wait for a Redis that hangs', async () => {
    redis.hang();
    expect(cacheOf(await ask(0, 'a wolf'))).toBe('miss');
    expect(cacheOf(await ask(1, 'a wolf'))).toBe('hit');
    redis.goOn();
  });
});
