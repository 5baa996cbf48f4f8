import { beforeAll, describe, expect, it } from 'vitest';
import { type TestApplication, testApplication } from '../../../test/support/application.js';
import { sqliteDatabase } from '../../../test/support/databases.js';

const MASTER = { authorization: 'Bearer a-master-key-for-limits' };

describe('requests per minute', () => {
  const { url } = sqliteDatabase();
  let app: TestApplication['app'];

  beforeAll(async () => {
    ({ app } = await testApplication(url, { master_key: 'a-master-key-for-limits' }));
  });

  async function key(fields: object): Promise<{ authorization: string }> {
    const created = await app.inject({ method: 'POST', url: '/v1/keys', headers: MASTER, payload: { name: 'limited', ...fields } });
    expect(created.statusCode).toBe(201);
    return { authorization: `Bearer ${created.json<{ key: string }>().key}` };
  }

  it('counts down on every answer and refuses the next request with the time to wait', async () => {
    const headers = await key({ rpm_limit: 3 });
    const before = Math.floor(Date.now() / 1000);
    // An answer of the API, a failure of the API, one of the router's and one of the access check.
    const urls = ['/v1/models', '/v1/models/no/such', '/v1/keys'];
    const answers = [];
    for (const path of urls) answers.push(await app.inject({ url: path, headers }));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 404, 403]);
    expect(answers.map(({ headers }) => headers['x-ratelimit-limit'])).toEqual(['3', '3', '3']);
    expect(answers.map(({ headers }) => headers['x-ratelimit-remaining'])).toEqual(['2', '1', '0']);
    for (const { headers: seen } of answers) {
      expect(Number(seen['x-ratelimit-reset'])).toBeGreaterThan(before);
      expect(Number(seen['x-ratelimit-reset'])).toBeLessThan(before + 120);
    }
    const refused = await app.inject({ url: '/v1/models', headers });
    expect(refused.statusCode).toBe(429);
    expect(refused.json()).toMatchObject({ error: { type: 'rate_limit_exceeded', code: 'rate_limit_exceeded', status: 429 } });
    expect(refused.headers).toMatchObject({ 'x-ratelimit-limit': '3', 'x-ratelimit-remaining': '0', 'x-should-retry': 'true' });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(20);
  });

  it('refuses before a body is read', async () => {
    const headers = await key({ rpm_limit: 1 });
    await app.inject({ url: '/v1/models', headers });
    const refused = await app.inject({
      method: 'PATCH',
      url: '/v1/generations/x',
      headers: { ...headers, 'content-type': 'application/json' },
      payload: '{ no json',
    });
    expect(refused.statusCode).toBe(429);
  });

  it('gives each key its own bucket', async () => {
    const first = await key({ rpm_limit: 1 });
    const second = await key({ rpm_limit: 1 });
    expect((await app.inject({ url: '/v1/models', headers: first })).statusCode).toBe(200);
    expect((await app.inject({ url: '/v1/models', headers: second })).statusCode).toBe(200);
    expect((await app.inject({ url: '/v1/models', headers: first })).statusCode).toBe(429);
  });

  it('leaves the master key and keys without a limit alone', async () => {
    for (const headers of [MASTER, await key({})]) {
      for (let count = 0; count < 100; count += 1) {
        const answer = await app.inject({ url: '/v1/models', headers });
        expect(answer.statusCode).toBe(200);
        expect(Object.keys(answer.headers).filter((name) => name.startsWith('x-ratelimit'))).toEqual([]);
      }
    }
  });
});
