import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../../../test/support/application.js';

const PAGE = 'https://evil.example';
const MASTER = 'a-master-key-for-this-test';

describe('a gateway without a master key', () => {
  let app: NestFastifyApplication;

  beforeAll(async () => {
    ({ app } = await testApplication('sqlite://:memory:', {
      cors: { allowed_origins: ['https://mine.example'] },
      server: { public_url: 'https://Media.Example/litegen', allowed_hosts: 'litegen, Other.Test, fd00::7, 10.1.2.3', trust_proxy: true },
    }));
  });

  const ask = (url: string, headers: Record<string, string>, method: 'GET' | 'POST' = 'GET') => app.inject({ method, url, headers });

  it.each([
    '127.0.0.1:4000',
    '127.0.0.1',
    '127.8.8.8:1',
    'localhost',
    'LocalHost:4000',
    'localhost.:4000',
    'app.localhost:4000',
    '[::1]:4000',
    '[0:0:0:0:0:0:0:1]',
    '[::ffff:127.0.0.1]:4000',
    'media.example',
    'MEDIA.example.:443',
    'litegen:4000',
    'other.test.',
    '[fd00::7]:4000',
    '10.1.2.3:80',
  ])('answers under %s', async (host) => {
    expect((await ask('/v1/models', { host })).statusCode).toBe(200);
  });

  it.each([
    'evil.example',
    'evil.example:4000',
    'EVIL.example.',
    'localhost.evil.example',
    'evil-localhost',
    'notlocalhost:4000',
    '127.0.0.1.evil.example',
    '127.0.0.1.nip.io:4000',
    'litegen.evil.example',
    'x.media.example',
    '10.1.2.4',
    '192.168.1.4:4000',
    '169.254.169.254',
    '[fd00::8]',
    '[::2]:4000',
    'localhost@evil.example',
    'localhost/evil',
    'localhost:evil',
    'local host',
    ':4000',
    '0.0.0.0:4000',
  ])('does not answer under %s, and says which setting would let it', async (host) => {
    // By DNS rebinding a page asks its own origin, which browsers take for the same.
    const attempts: Record<string, string>[] = [
      {},
      { origin: `http://${host}`, 'sec-fetch-site': 'same-origin' },
      { 'x-forwarded-host': 'localhost:4000' },
    ];
    for (const own of attempts) {
      const answer = await ask('/v1/models', { host, ...own });
      expect([answer.statusCode, answer.json()]).toMatchObject([
        403,
        { error: { code: 'forbidden', param: 'host', message: expect.stringContaining('server.allowed_hosts') } },
      ]);
    }
  });

  it.each(['/v1/keys', '/v1/stats', '/metrics', '/openapi.json', '/docs', '/.well-known/litegen-webhooks.json', '/v1/files/x'])(
    'tells a foreign host nothing at %s',
    async (url) => {
      expect((await ask(url, { host: 'evil.example' })).statusCode).toBe(403);
    },
  );

  it('makes no key for a page whose name leads here', async () => {
    const headers = { host: 'evil.example:4000', origin: 'http://evil.example:4000', 'content-type': 'application/json' };
    const made = await app.inject({ method: 'POST', url: '/v1/keys', headers, payload: { name: 'stolen', scopes: 'admin' } });
    expect(made.statusCode).toBe(403);
    expect((await ask('/v1/keys', { host: 'localhost' })).json()).toMatchObject({ data: [] });
  });

  it('lets balancers ask for its health by any name', async () => {
    for (const url of ['/health/live', '/health/ready']) expect((await ask(url, { host: '10.0.0.9:4000' })).statusCode).toBe(200);
  });

  it.each([
    'http://127.0.0.1:4000',
    'http://localhost:4000',
    'http://[::1]:4000',
    'http://litegen:4000',
    'https://media.example',
    'https://mine.example',
  ])('answers pages of %s', async (origin) => {
    expect((await ask('/v1/models', { host: '127.0.0.1:4000', origin })).statusCode).toBe(200);
  });

  it('answers its own pages whatever port they are seen on, by the browser’s word', async () => {
    const headers = { host: 'localhost:8080', origin: 'http://localhost:8080' };
    expect((await ask('/v1/models', { ...headers, 'sec-fetch-site': 'same-origin' })).statusCode).toBe(200);
    expect((await ask('/v1/models', { ...headers, 'sec-fetch-site': 'same-site' })).statusCode).toBe(403);
  });

  it.each([
    PAGE,
    'http://localhost:3000',
    'http://127.0.0.1:4001',
    'https://media.example:8443',
    'http://media.example',
    'null',
    'nonsense',
  ])('does not answer pages of %s', async (origin) => {
    // The host that a caller names is no witness for the origin that it names.
    for (const host of ['127.0.0.1:4000', ...(URL.canParse(origin) ? [`localhost:${new URL(origin).port || '80'}`] : [])]) {
      const refused = await ask('/v1/models', { host, origin });
      expect([refused.statusCode, refused.json()]).toMatchObject([403, { error: { code: 'forbidden', param: 'origin' } }]);
    }
  });

  it('takes no form from elsewhere, which a browser sends unasked', async () => {
    const headers = { host: '127.0.0.1:4000', origin: PAGE, 'content-type': 'multipart/form-data; boundary=x' };
    const payload = '--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nmock/paint\r\n--x--\r\n';
    expect((await app.inject({ method: 'POST', url: '/v1/images/generations', headers, payload })).statusCode).toBe(403);
    expect((await ask('/v1/generations', { host: 'localhost' })).json()).toMatchObject({ total: 0 });
  });
});

describe('a gateway without a master key on a socket', () => {
  it('answers under the address on which the connection came in, and no other', async () => {
    const { app } = await testApplication('sqlite://:memory:', { server: { host: '0.0.0.0' }, allow_no_auth: true });
    await app.listen(0, '0.0.0.0');
    const { port } = app.getHttpServer().address() as AddressInfo;
    const own = Object.values(networkInterfaces())
      .flat()
      .find((one) => one?.family === 'IPv4' && !one.internal)?.address;
    const status = (address: string, host: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const sent = httpRequest({ host: address, port, path: '/v1/models', headers: { host }, agent: false }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        });
        sent.on('error', reject).end();
      });
    expect(await status('127.0.0.1', `127.0.0.1:${port}`)).toBe(200);
    expect(await status('127.0.0.1', `evil.example:${port}`)).toBe(403);
    if (own === undefined) return;
    expect(await status(own, `${own}:${port}`)).toBe(200);
    expect(await status('127.0.0.1', `${own}:${port}`)).toBe(403);
    expect(await status(own, `evil.example:${port}`)).toBe(403);
  });
});

describe('a gateway with a master key', () => {
  it('leaves it to the key', async () => {
    const { app } = await testApplication('sqlite://:memory:', { master_key: MASTER });
    const headers = { host: 'any.example', origin: PAGE, authorization: `Bearer ${MASTER}` };
    expect((await app.inject({ url: '/v1/models', headers })).statusCode).toBe(200);
    expect((await app.inject({ url: '/metrics', headers: { host: 'any.example' } })).statusCode).toBe(200);
  });
});

describe('a gateway whose master key stands in examples', () => {
  it('is taken for one without', async () => {
    const { app } = await testApplication('sqlite://:memory:', { master_key: 'changeme' });
    const ask = (host: string) => app.inject({ url: '/v1/models', headers: { host } });
    expect([(await ask('localhost')).statusCode, (await ask('evil.example')).statusCode]).toEqual([200, 403]);
  });
});
