import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import type { StoredMedia } from '../result.js';
import { createTestCall, PNG_1X1, pngOf, testInput } from './index.js';

type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

const servers: Server[] = [];

async function vendor(handler: Handler): Promise<string> {
  const server = createServer((request, response) => {
    void buffer(request).then((body) => handler(request, response, body));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

describe('createTestCall', () => {
  it('writes media into JSON bodies and records what left', async () => {
    const apiBase = await vendor((_request, response, body) => response.end(body));
    const call = createTestCall({ apiBase: `${apiBase}/`, secrets: { apiKey: 'k' } });
    const input = testInput({ width: 3, height: 2 });
    const response = await call.fetch(`${call.apiBase}/paint`, {
      headers: { Authorization: call.secret('apiKey') },
      json: { prompt: 'fog', images: [input.base64()], first: input.dataUrl(), absent: undefined },
    });
    const base64 = Buffer.from(pngOf(3, 2)).toString('base64');
    expect(await response.json()).toEqual({ prompt: 'fog', images: [base64], first: `data:image/png;base64,${base64}` });
    expect(call.requests).toHaveLength(1);
    expect(call.requests[0]).toMatchObject({ method: 'POST', url: `${apiBase}/paint`, headers: { authorization: 'k' }, submits: false });
    expect(call.requests[0]?.json()).toMatchObject({ prompt: 'fog' });
  });

  it('sends multipart parts with their names and types', async () => {
    const apiBase = await vendor((request, response, body) => {
      response.end(JSON.stringify({ type: request.headers['content-type'], body: body.toString('latin1') }));
    });
    const call = createTestCall({ apiBase });
    const multipart = [
      { name: 'prompt', value: 'fog' },
      { name: 'image[]', value: testInput({ bytes: PNG_1X1 }), filename: 'a.png' },
      { name: 'settings "x"', value: '{}', contentType: 'application/json' },
      { name: 'raw', value: new Uint8Array([65, 66]), contentType: 'application/x-raw' },
    ];
    const echo = (await (await call.fetch(`${apiBase}/edits`, { multipart })).json()) as { type: string; body: string };
    expect(echo.type).toMatch(/^multipart\/form-data; boundary=/);
    expect(echo.body).toMatch(/name="prompt"\r\n\r\nfog\r\n/);
    expect(echo.body).toMatch(/name="image\[\]"; filename="a.png"\r\nContent-Type: image\/png\r\n\r\n\x89PNG/i);
    expect(echo.body).toMatch(/name="settings %22x%22"\r\nContent-Type: application\/json\r\n\r\n{}\r\n/);
    const form = await new Response(Buffer.from(echo.body, 'latin1'), { headers: { 'content-type': echo.type } }).formData();
    expect([...form.keys()]).toEqual(['prompt', 'image[]', 'settings "x"', 'raw']);
    expect(new Uint8Array(await (form.get('image[]') as File).arrayBuffer())).toEqual(PNG_1X1);
    expect(echo.body).toMatch(/name="raw"; filename="raw.x"\r\nContent-Type: application\/x-raw\r\n\r\nAB/i);
  });

  it('replaces base64 by stored media, in JSON and in events', async () => {
    const b64_json = Buffer.from(PNG_1X1).toString('base64');
    const apiBase = await vendor((request, response) => {
      if (request.url === '/json') return response.end(JSON.stringify({ data: [{ b64_json, note: 'b64_json' }] }));
      const body = `event: partial\r\ndata: ${JSON.stringify({ b64_json })}\r\n\r\n: comment\ndata: [DONE]\n\ndata: unfinished`;
      response.write(body.slice(0, 21));
      return setTimeout(() => response.end(body.slice(21)), 5);
    });
    const call = createTestCall({ apiBase });
    const answer = (await (await call.fetch(`${apiBase}/json`)).json({ base64Keys: ['b64_json'] })) as {
      data: { b64_json: StoredMedia; note: string }[];
    };
    const stored = answer.data[0]?.b64_json as StoredMedia;
    expect(stored).toMatchObject({ kind: 'litegen.stored-media', contentType: 'image/png', bytes: PNG_1X1.length });
    expect(answer.data[0]?.note).toBe('b64_json');
    expect(Buffer.from(call.read(stored))).toEqual(Buffer.from(PNG_1X1));
    const events = [];
    for await (const event of (await call.fetch(`${apiBase}/sse`)).events({ base64Keys: ['b64_json'] })) events.push(event);
    expect(events).toEqual([
      { event: 'partial', data: { b64_json: stored } },
      { event: 'message', data: '[DONE]' },
    ]);
  });

  it.each([
    ['data:image/png;base64,QUJD', 'ABC'],
    ['DATA:image/png;BASE64,QUJD', 'ABC'],
    ['QU\nJD', 'ABC'],
    ['QUI', 'AB'],
    ['QUI=', 'AB'],
    ['QU-D', 'AO\x83'],
  ])('reads the base64 %j as the gateway does', async (text, expected) => {
    const apiBase = await vendor((_request, response) => response.end(JSON.stringify({ image: text })));
    const call = createTestCall({ apiBase });
    const answer = (await (await call.fetch(apiBase)).json({ base64Keys: ['image'] })) as { image: StoredMedia };
    expect(Buffer.from(call.read(answer.image)).toString('latin1')).toBe(expected);
  });

  it.each(['', 'https://a.test/1.png', 'data:image/png,QUJD', 'QUI==='])('leaves %j, as the gateway does', async (text) => {
    const apiBase = await vendor((_request, response) => response.end(JSON.stringify({ image: text })));
    const call = createTestCall({ apiBase });
    expect(await (await call.fetch(apiBase)).json({ base64Keys: ['image'] })).toEqual({ image: text });
  });

  it.each(['QUJDR', 'QUI=='])('marks the broken base64 %j, as the gateway does', async (text) => {
    const apiBase = await vendor((_request, response) => response.end(JSON.stringify({ image: text })));
    const answer = await (await createTestCall({ apiBase }).fetch(apiBase)).json({ base64Keys: ['image'] });
    expect(answer).toMatchObject({ image: { kind: 'litegen.unreadable-media' } });
  });

  it('reads media by their places, integers as text, and past a byte-order mark, as the gateway does', async () => {
    const png = Buffer.from(PNG_1X1).toString('base64');
    const apiBase = await vendor((_request, response) =>
      response.end(`\uFEFF{"id":9007199254740993,"images":["${png}","https://a.test/1.png"],"url":"${png}"}`),
    );
    const call = createTestCall({ apiBase });
    const answer = await (await call.fetch(apiBase)).json({ media: [{ path: '$.images[*]' }], textKeys: ['id'] });
    expect(answer).toMatchObject({
      id: '9007199254740993',
      images: [{ kind: 'litegen.stored-media', contentType: 'image/png' }, 'https://a.test/1.png'],
      url: png,
    });
    expect(await (await call.fetch(apiBase)).text()).toMatch(/^\{/);
  });

  it('holds back what the egress list does not name', async () => {
    const call = createTestCall({ egress: ['https://api.acme.test', 'https://*.acme-cdn.test'] });
    await expect(call.fetch('https://acme-cdn.test/x')).rejects.toMatchObject({ code: 'internal', charged: 'no' });
    await expect(call.fetch('https://evilacme-cdn.test/x')).rejects.toMatchObject({ code: 'internal' });
    await expect(call.fetch('http://api.acme.test/x')).rejects.toMatchObject({ code: 'internal' });
    expect(call.requests).toHaveLength(0);
    expect(call.refused.map((request) => request.url)).toEqual([
      'https://acme-cdn.test/x',
      'https://evilacme-cdn.test/x',
      'http://api.acme.test/x',
    ]);
  });

  it('does not follow redirects', async () => {
    const apiBase = await vendor((_request, response) => response.writeHead(302, { location: 'https://elsewhere.test' }).end());
    const response = await createTestCall({ apiBase }).fetch(`${apiBase}/x`);
    expect(response).toMatchObject({ status: 302, ok: false, headers: { location: 'https://elsewhere.test' } });
  });

  it('says a refused connection cost nothing', async () => {
    const apiBase = await vendor(() => undefined);
    servers[0]?.closeAllConnections();
    await new Promise((resolve) => servers.splice(0)[0]?.close(resolve));
    const call = createTestCall({ apiBase });
    await expect(call.fetch(`${apiBase}/x`, { json: {}, submits: true })).rejects.toMatchObject({ code: 'unavailable', charged: 'no' });
  });

  it.each([
    [true, 'unknown'],
    [false, 'no'],
  ] as const)('maps broken connections and slow headers (submits: %s) to charged %s', async (submits, charged) => {
    const apiBase = await vendor((request, response) => {
      if (request.url === '/reset') response.socket?.destroy();
    });
    const call = createTestCall({ apiBase, headersTimeoutMs: 50 });
    await expect(call.fetch(`${apiBase}/reset`, { json: {}, submits })).rejects.toMatchObject({ code: 'unavailable', charged });
    await expect(call.fetch(`${apiBase}/slow`, { json: {}, submits })).rejects.toMatchObject({ code: 'timeout', charged });
  });

  it.each([
    [200, true, 'unknown'],
    [200, false, 'no'],
    [400, true, 'no'],
  ] as const)('maps unreadable bodies of a %i (submits: %s) to charged %s', async (status, submits, charged) => {
    const apiBase = await vendor((request, response) => {
      if (request.url === '/garbage') return response.writeHead(status).end('<html>');
      if (request.url === '/huge') return response.writeHead(status).end(JSON.stringify('x'.repeat(5000)));
      response.writeHead(status, { 'content-length': '500' }).write('{"a":');
      return setTimeout(() => response.socket?.destroy(), 10);
    });
    const call = createTestCall({ apiBase, maxBytes: 4000 });
    for (const path of ['/garbage', '/huge', '/truncated']) {
      const response = await call.fetch(apiBase + path, { json: {}, submits });
      await expect(response.json(), path).rejects.toMatchObject({ code: 'invalid_response', charged, vendorStatus: status });
    }
  });

  it('ends at once when it is aborted', async () => {
    const apiBase = await vendor(() => undefined);
    const call = createTestCall({ apiBase });
    const pending = call.fetch(`${apiBase}/x`, { json: {}, submits: true });
    setTimeout(() => call.abort(), 50);
    await expect(pending).rejects.toMatchObject({ code: 'timeout', charged: 'unknown' });
    await expect(call.fetch(`${apiBase}/y`)).rejects.toMatchObject({ code: 'timeout', charged: 'no' });
    expect(call.requests).toHaveLength(1);
  });

  it('hands over what it was given', async () => {
    const now = new Date('2026-11-20T12:00:00Z');
    const given = { options: { region: 'eu' }, idempotencyKey: 'attempt-9', webhookUrl: 'https://gateway.example/hook' };
    const call = createTestCall({ ...given, now: () => now, secrets: { apiKey: 'k' } });
    expect(call).toMatchObject(given);
    expect(call.now()).toBe(now);
    call.warn({ param: 'size', action: 'mapped', message: 'rounded' });
    await call.emit({ type: 'progress', progress: 50 });
    call.logger.warn('slow', { ms: 3 });
    expect(call.warnings).toEqual([{ param: 'size', action: 'mapped', message: 'rounded' }]);
    expect(call.events).toEqual([{ type: 'progress', progress: 50 }]);
    expect(call.logs).toEqual([{ level: 'warn', message: 'slow', fields: { ms: 3 } }]);
  });

  it('refuses a secret that is not configured', () => {
    const call = createTestCall({ secrets: { apiKey: 'k' } });
    expect(call.hasSecret('other')).toBe(false);
    expect(() => call.secret('other')).toThrow(expect.objectContaining({ code: 'authentication_failed' }));
  });
});
