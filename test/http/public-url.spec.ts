import { beforeAll, describe, expect, it } from 'vitest';
import { configSchema } from '../../src/platform/config/index.js';
import { type TestApplication, testApplication } from '../support/application.js';

const PUBLIC = 'https://gw.example/litegen';

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly json: { readonly data: { readonly url: string }[]; readonly servers: unknown; readonly error: object };
}

async function ask({ app }: TestApplication, url: string, body?: object, headers: Record<string, string> = {}): Promise<Answer> {
  const request = { url, headers: { host: '127.0.0.1', ...headers } };
  const answer = await app.inject(body === undefined ? { ...request, method: 'GET' } : { ...request, method: 'POST', payload: body });
  return { status: answer.statusCode, headers: answer.headers, json: answer.json() };
}

const picture = { model: 'mock/paint', prompt: 'x', size: '256x256', response_format: 'url' };

describe('a gateway under a path', () => {
  let gateway: TestApplication;
  beforeAll(async () => {
    gateway = await testApplication('sqlite://:memory:', { server: { public_url: `${PUBLIC}/` } });
  });

  it('is named by its links, which work as references without the network', async () => {
    const { json } = await ask(gateway, '/v1/images/generations', picture);
    const url = json.data[0]?.url ?? '';
    expect(url).toMatch(/^https:\/\/gw\.example\/litegen\/v1\/files\/asset-/);
    for (const image of [url, url.replace(PUBLIC, 'http://10.0.0.1:4000'), url.replace(PUBLIC, 'http://10.0.0.1:4000/litegen')]) {
      expect((await ask(gateway, '/v1/images/edits', { ...picture, image })).status, image).toBe(200);
    }
    const altered = await ask(gateway, '/v1/images/edits', { ...picture, image: `${url}x` });
    expect(altered).toMatchObject({ status: 403, json: { error: { code: 'link_invalid', param: 'image' } } });
  });

  it.each([
    ['/v1/images/generations', { ...picture, prompt: 'y [mock latency=2s]' }, /^\/litegen\/v1\/generations\/litegen-img-/],
    ['/v1/videos', { model: 'mock/clip', prompt: 'x', seconds: '2' }, /^\/litegen\/v1\/videos\/litegen-vid-/],
  ])('is named by the Location of %s', async (url, body, location) => {
    const answer = await ask(gateway, url, body, { prefer: 'respond-async' });
    expect(answer).toMatchObject({ status: 202, headers: { location: expect.stringMatching(location) } });
  });

  it('is the document’s server', async () => {
    expect((await ask(gateway, '/openapi.json')).json.servers).toEqual([{ url: PUBLIC, description: 'This gateway' }]);
  });
});

describe('what a proxy says about a request', () => {
  const linkOf = async (gateway: TestApplication, headers: Record<string, string>) =>
    (await ask(gateway, '/v1/images/generations', picture, headers)).json.data[0]?.url ?? '';

  it.each([
    [true, 'https', 'https://a.test'],
    [true, 'HTTPS', 'http://a.test'],
    [true, 'javascript', 'http://a.test'],
    [['127.0.0.0/8', 'fd00::/8'], 'https', 'https://a.test'],
    ['10.0.0.0/8, 127.0.0.1', 'https', 'https://a.test'],
    [['10.0.0.0/8'], 'https', 'http://127.0.0.1'],
    [false, 'https', 'http://127.0.0.1'],
  ])('trusting %j, %s leads to %s', async (trust_proxy, scheme, origin) => {
    const gateway = await testApplication('sqlite://:memory:', { server: { trust_proxy } });
    const link = await linkOf(gateway, { 'x-forwarded-proto': scheme, 'x-forwarded-host': 'a.test' });
    expect(new URL(link).origin).toBe(origin);
    await gateway.close();
  });

  it.each(['yes', '10.0.0.0/33', ['proxy.test'], '5'])('cannot be trusted to %j', (trust_proxy) => {
    expect(configSchema.safeParse({ server: { trust_proxy } }).success).toBe(false);
  });
});
