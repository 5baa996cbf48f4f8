import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../support/client.js';
import { type Gateway, startGateway } from '../support/gateway.js';

type Line = Readonly<Record<string, unknown>>;

describe('the line that each request leaves in the log', () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway({
      env: { LITEGEN__OBSERVABILITY__JSON_LOGS: 'true', LITEGEN_MASTER_KEY: 'a-long-random-value' },
    });
  }, 60_000);
  afterAll(async () => void (await gateway.stop()));

  const lines = (): Line[] =>
    gateway
      .logs()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
  const of = (route: string): Line[] => lines().filter((line) => line['route'] === route);

  it('has route, status, duration, generation, model, provider and key as fields', async () => {
    const client = new Client(gateway.url, 'a-long-random-value');
    const answer = await client.image({ model: 'mock/paint', prompt: 'x', size: '256x256' });
    expect(answer.status).toBe(200);
    await expect.poll(() => of('/v1/images/generations')).toHaveLength(1);
    expect(of('/v1/images/generations')[0]).toMatchObject({
      level: 'info',
      method: 'POST',
      status: 200,
      duration_ms: expect.any(Number),
      generation_id: answer.headers.get('x-litegen-generation-id'),
      model: 'mock/paint',
      provider: 'mock',
      key: 'master',
      request_id: answer.headers.get('x-request-id'),
    });
  });

  it('is a path’s pattern also where there is none, and says nothing of probes', async () => {
    for (const path of ['/health/live', '/health/ready', '/metrics', '/no/such']) await fetch(new URL(path, gateway.url));
    await expect.poll(() => of('unmatched')).toHaveLength(1);
    expect(of('unmatched')[0]).toMatchObject({ status: 404 });
    expect(lines().filter(({ msg }) => /health|metrics/.test(String(msg)))).toEqual([]);
  });
});

describe('addresses that lead nowhere', () => {
  it('are 404 also with CORS, and the first page leads to the documentation', async () => {
    const gateway = await startGateway({ env: { LITEGEN_CORS_ORIGINS: '*' } });
    try {
      const missing = await fetch(new URL('/no/such', gateway.url), { headers: { origin: 'https://a.test' } });
      expect(missing.status).toBe(404);
      expect(await missing.json()).toMatchObject({ error: { code: 'route_not_found' } });
      const wrong = await fetch(new URL('/v1/models', gateway.url), { method: 'PUT' });
      expect(wrong.status).toBe(405);
      expect(wrong.headers.get('allow')).toBe('GET, HEAD');
      const first = await fetch(gateway.url, { redirect: 'manual' });
      expect(first.status).toBe(302);
      expect(first.headers.get('location')).toBe('/docs');
      expect((await fetch(gateway.url)).status).toBe(200);
      const preflight = await fetch(new URL('/v1/models', gateway.url), {
        method: 'OPTIONS',
        headers: { origin: 'https://a.test', 'access-control-request-method': 'GET' },
      });
      expect(preflight.status).toBe(204);
    } finally {
      await gateway.stop();
    }
  }, 60_000);
});
