import { describe, expect, it } from 'vitest';
import { testApplication } from '../../test/support/application.js';

const PAGE = 'https://evil.example';

describe('a gateway without a master key', () => {
  it('answers programs and its own pages, but no page from elsewhere', async () => {
    const { app } = await testApplication('sqlite://:memory:', { cors: { allowed_origins: ['https://mine.example'] } });
    const models = (headers: Record<string, string>) => app.inject({ url: '/v1/models', headers: { host: '127.0.0.1:4000', ...headers } });
    expect((await models({})).statusCode).toBe(200);
    expect((await models({ origin: 'http://127.0.0.1:4000' })).statusCode).toBe(200);
    expect((await models({ origin: 'https://mine.example' })).statusCode).toBe(200);
    const refused = await models({ origin: PAGE });
    expect([refused.statusCode, refused.json()]).toMatchObject([403, { error: { code: 'forbidden', param: 'origin' } }]);
  });

  it('leaves it to the key where there is one', async () => {
    const { app } = await testApplication('sqlite://:memory:', { master_key: 'a-master-key-for-this-test' });
    const headers = { origin: PAGE, authorization: 'Bearer a-master-key-for-this-test' };
    expect((await app.inject({ url: '/v1/models', headers })).statusCode).toBe(200);
  });
});
