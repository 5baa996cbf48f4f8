import { request as httpRequest } from 'node:http';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../support/application.js';
import { rawRequest, sendRaw } from '../support/raw-socket.js';

const MASTER_KEY = 'the-master-key-of-this-test';
const BODY = JSON.stringify({ model: 'mock/paint', prompt: 'a red boat' });

interface Asked {
  readonly status: number;
  readonly code: string | undefined;
  /** Whether the gateway asked for the body. */
  readonly continued: boolean;
  readonly connection: string | undefined;
}

describe('a client that waits for 100 Continue', () => {
  let url: string;
  beforeAll(async () => {
    const { app } = await testApplication('sqlite://:memory:', { master_key: MASTER_KEY, server: { body_limit_bytes: 100_000 } });
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });

  /** As an HTTP client does it: the body follows when it is asked for, and else never. */
  function ask(path: string, headers: Readonly<Record<string, string>>, body: string | Buffer = BODY, method = 'POST'): Promise<Asked> {
    return new Promise((resolve, reject) => {
      let continued = false;
      const request = httpRequest(new URL(path, url), {
        method,
        headers: {
          authorization: `Bearer ${MASTER_KEY}`,
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(body)),
          expect: '100-continue',
          ...headers,
        },
      });
      request.on('continue', () => {
        continued = true;
        request.end(body);
      });
      request.on('response', (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => {
          const code = (JSON.parse(text) as { error?: { code: string } }).error?.code;
          resolve({ status: response.statusCode ?? 0, code, continued, connection: response.headers.connection });
          request.destroy();
        });
      });
      request.on('error', reject);
      request.flushHeaders();
    });
  }

  it('is asked for its body when that is read', async () => {
    expect(await ask('/v1/images/cost', {})).toMatchObject({ status: 200, continued: true });
    expect(await ask('/v1/keys', {}, '{"name":"a"}')).toMatchObject({ status: 201, continued: true });
    const zipped = gzipSync(BODY);
    expect(await ask('/v1/images/cost', { 'content-encoding': 'gzip' }, zipped)).toMatchObject({ status: 200, continued: true });
  });

  it('is asked for its form when that is read', async () => {
    const form = Object.entries({ model: 'mock/paint', prompt: 'a red boat' }).map(
      ([name, value]) => `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    );
    const answer = await ask('/v1/images/cost', { 'content-type': 'multipart/form-data; boundary=x' }, `${form.join('')}--x--\r\n`);
    expect(answer).toMatchObject({ status: 200, continued: true });
  });

  it.each([
    ['a wrong key', '/v1/images/cost', { authorization: 'Bearer wrong' }, 401, 'invalid_api_key'],
    ['no key', '/v1/images/cost', { authorization: '' }, 401, 'authentication_required'],
    ['no such path', '/v1/pictures', {}, 404, 'route_not_found'],
    ['a path that is none', '/v1/models/%ff', {}, 400, 'malformed_request'],
    ['another method', '/v1/models', {}, 405, 'method_not_allowed'],
    ['a body that is too large', '/v1/images/cost', { 'content-length': '20000000' }, 413, 'body_too_large'],
    [
      'a form that is too large',
      '/v1/images/edits',
      { 'content-type': 'multipart/form-data; boundary=x', 'content-length': '90000000000' },
      413,
      'body_too_large',
    ],
    ['a coding that nobody undoes', '/v1/images/cost', { 'content-encoding': 'compress' }, 415, 'unsupported_media_type'],
    ['a further expectation', '/v1/images/cost', { expect: '100-continue, a-miracle' }, 417, 'expectation_failed'],
  ] as const)('hears of %s before it has sent anything', async (_name, path, headers, status, code) => {
    const answer = await ask(path, headers);
    expect(answer).toEqual({ status, code, continued: false, connection: 'close' });
  });

  it('is not asked by a route that reads no body', async () => {
    expect(await ask('/v1/models', {}, BODY, 'GET')).toMatchObject({ status: 200, continued: false, connection: 'close' });
  });

  it.each(['a-miracle', '200-ok', 'constructor'])('cannot expect anything else: %s', async (expectation) => {
    const headers = ['Host: 127.0.0.1', `Authorization: Bearer ${MASTER_KEY}`, `Expect: ${expectation}`];
    const { status, headers: answered, body } = await sendRaw(url, rawRequest('GET /v1/models HTTP/1.1', headers));
    const { error } = JSON.parse(body) as { error: Record<string, unknown> };
    expect(error).toMatchObject({ status, code: 'expectation_failed', param: 'expect', accepted: ['100-continue'] });
    expect([status, error['request_id']]).toEqual([417, answered.get('x-request-id')]);
    expect(error['message']).toBe(`Expect: ${expectation} cannot be met; there is only 100-continue.`);
    // A header that HTTP/1.0 has not, and an empty one, say nothing.
    expect((await sendRaw(url, rawRequest('GET /v1/models HTTP/1.0', headers))).status).toBe(200);
    expect((await sendRaw(url, rawRequest('GET /v1/models HTTP/1.1', [...headers.slice(0, 2), 'Expect:']))).status).toBe(200);
  });

  it('is told of a key that is wrong first, whatever it expects', async () => {
    const headers = ['Host: 127.0.0.1', 'Authorization: Bearer wrong', 'Expect: a-miracle'];
    expect((await sendRaw(url, rawRequest('GET /v1/models HTTP/1.1', headers))).status).toBe(401);
  });
});
