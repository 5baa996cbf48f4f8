import { beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../support/application.js';
import { type RawAnswer, rawRequest, sendRaw } from '../support/raw-socket.js';

const HOST = 'Host: 127.0.0.1';
const JSON_BODY = ['Content-Type: application/json', HOST];

describe('what is not HTTP as it should be', () => {
  let url: string;
  beforeAll(async () => {
    const { app } = await testApplication('sqlite://:memory:');
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });

  function expectFailure({ status, headers, body }: RawAnswer, expected: object): void {
    expect(headers.get('content-type')).toMatch(/^application\/json/);
    const { error } = JSON.parse(body) as { error: { status: number; request_id: string; message: string } };
    expect(error).toMatchObject({ ...expected, status, message: expect.stringMatching(/\S/) });
    expect(error.request_id).toBe(headers.get('x-request-id'));
    expect(headers.get('x-should-retry')).toBe('false');
  }

  it.each([
    ['no HTTP at all', ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'], 400, 'malformed_request'],
    ['the preface of HTTP/2', ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'], 400, 'malformed_request'],
    ['a broken header', [rawRequest('GET /v1/models HTTP/1.1', [HOST, 'no colon'])], 400, 'malformed_request'],
    ['U+0000 in a header', [rawRequest('GET /v1/models HTTP/1.1', [HOST, 'X-A: a\0b'])], 400, 'malformed_request'],
    ['no Host', [rawRequest('GET /v1/models HTTP/1.1')], 400, 'malformed_request'],
    [
      'two lengths',
      [rawRequest('POST /v1/quote HTTP/1.1', [HOST, 'Content-Length: 2', 'Content-Length: 3'], '{}')],
      400,
      'malformed_request',
    ],
    [
      'a length beside chunks',
      [rawRequest('POST /v1/quote HTTP/1.1', [HOST, 'Content-Length: 2', 'Transfer-Encoding: chunked'], '0\r\n\r\n')],
      400,
      'malformed_request',
    ],
    [
      'a broken chunk',
      [rawRequest('POST /v1/quote HTTP/1.1', [...JSON_BODY, 'Transfer-Encoding: chunked'], 'zz\r\n{}\r\n')],
      400,
      'malformed_request',
    ],
    ['headers of 20 KB', [rawRequest('GET /v1/models HTTP/1.1', [HOST, `X-A: ${'a'.repeat(20_000)}`])], 431, 'headers_too_large'],
    [
      '3,000 headers',
      [rawRequest('GET /v1/models HTTP/1.1', [HOST, ...Array.from({ length: 3000 }, (_, i) => `X-${i}: a`)])],
      431,
      'headers_too_large',
    ],
    ['a URL of 10 KB', [rawRequest(`GET /v1/models?provider=${'a'.repeat(10_000)} HTTP/1.1`, [HOST])], 414, 'uri_too_long'],
    ['a URL of 40 KB', [rawRequest(`GET /v1/models?provider=${'a'.repeat(40_000)} HTTP/1.1`, [HOST])], 414, 'uri_too_long'],
    ['a path of 10 KB', [rawRequest(`GET /v1/keys/${'a'.repeat(10_000)} HTTP/1.1`, [HOST])], 414, 'uri_too_long'],
    ['a path that is no UTF-8', [rawRequest('GET /v1/keys/%ff%fe HTTP/1.1', [HOST])], 400, 'malformed_request'],
    ['a path that breaks off', [rawRequest('GET /v1/keys/%e2%82 HTTP/1.1', [HOST])], 400, 'malformed_request'],
    ['a proxy’s method', [rawRequest('CONNECT example.com:443 HTTP/1.1', [HOST])], 405, 'method_not_allowed'],
    ['a method of another protocol', [rawRequest('PROPFIND /v1/keys HTTP/1.1', [HOST])], 405, 'method_not_allowed'],
    ['a method that there is not', [rawRequest('FROBNICATE /v1/keys HTTP/1.1', [HOST])], 400, 'malformed_request'],
    [
      'a transfer coding that nobody undoes',
      [rawRequest('POST /v1/quote HTTP/1.1', [...JSON_BODY, 'Transfer-Encoding: gzip, chunked'], '2\r\n{}\r\n0\r\n\r\n')],
      415,
      'unsupported_media_type',
    ],
    ['a query that is no UTF-8', [rawRequest('GET /v1/models?provider=%ff HTTP/1.1', [HOST])], 400, 'invalid_query'],
    ['a query that breaks off', [rawRequest('GET /v1/models?provider=100% HTTP/1.1', [HOST])], 400, 'invalid_query'],
  ] as const)('answers %s in the one shape of all failures', async (_name, parts, status, code) => {
    expectFailure(await sendRaw(url, ...parts), { status, code });
  });

  it('answers who takes it for a proxy', async () => {
    const { host } = new URL(url);
    for (const target of [`http://${host}/v1/models?provider=none`, `HTTP://another.example/health/live`, `http://${host}`]) {
      const { status } = await sendRaw(url, rawRequest(`GET ${target} HTTP/1.1`, [HOST]));
      expect([target, status]).toEqual([target, target.endsWith(host) ? 302 : 200]);
    }
    const refused = await sendRaw(url, rawRequest(`PUT http://${host}/v1/models HTTP/1.1`, [HOST]));
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('answers a client that sends on and on', async () => {
    const endless = Array.from({ length: 100 }, () => Buffer.alloc(65_536, 0x61));
    expectFailure(await sendRaw(url, 'GET /', ...endless), { status: 414, code: 'uri_too_long' });
  });

  it('lives on', async () => {
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
  });
});
