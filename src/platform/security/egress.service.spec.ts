import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../config/index.js';
import { capped } from './body.js';
import { type EgressRequest, EgressService } from './egress.service.js';
import { OriginList } from './origins.js';
import { nextHop } from './redirects.js';
import { SystemResolver } from './resolver.port.js';

const servers: Server[] = [];
const services: EgressService[] = [];

async function serve(listener: RequestListener): Promise<{ server: Server; base: string }> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, base: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function egressTo(...bases: string[]): EgressService {
  const allowed_ports = bases.map((base) => Number(new URL(base).port));
  const service = new EgressService({ egress: { allow: ['127.0.0.1'], allowed_ports } }, new SystemResolver());
  services.push(service);
  return service;
}

const policy: EgressRequest['policy'] = { kind: 'public' };

async function text(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

afterEach(async () => {
  for (const service of services.splice(0)) await service.onApplicationShutdown();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  }
});

describe('EgressService', () => {
  it('sends method, headers and streamed bodies, and answers with joined headers', async () => {
    const { base } = await serve((request, response) => {
      response.setHeader('x-echo', [String(request.method), String(request.headers['x-a']), String(request.headers.host)]);
      request.pipe(response);
    });
    const service = egressTo(base);
    const bodies: EgressRequest['body'][] = ['text', Buffer.from('text'), Readable.from([Buffer.from('te'), Buffer.from('xt')])];
    for (const body of bodies) {
      const response = await service.request(`${base}/x?y=1`, {
        policy,
        method: 'POST',
        headers: { 'X-A': 'a', 'content-length': '4' },
        body,
      });
      expect(response).toMatchObject({ status: 200, url: `${base}/x?y=1`, headers: { 'x-echo': `POST, a, ${new URL(base).host}` } });
      expect(await text(response.body)).toBe('text');
    }
  });

  it('reuses connections', async () => {
    const ports = new Set<number | undefined>();
    const { base } = await serve((request, response) => {
      ports.add(request.socket.remotePort);
      response.end('ok');
    });
    const service = egressTo(base);
    for (let turn = 0; turn < 10; turn += 1) expect(await text((await service.request(base, { policy })).body)).toBe('ok');
    // A connection is free again a moment after its response ended, so the next request may open a second one.
    expect(ports.size).toBeLessThanOrEqual(2);
  });

  it.each([
    ['a refused connection', 'connect', false],
    ['a connection that breaks after the request', 'reset', true],
    ['headers that do not come', 'headers_timeout', true],
    ['a time that runs out', 'total_timeout', true],
    ['a request that is given up', 'aborted', true],
    ['a server without TLS', 'tls', false],
  ] as const)('describes %s', async (_what, kind, sent) => {
    const { server, base } = await serve((request) => {
      if (kind === 'reset') request.socket.destroy();
      if (kind === 'aborted') controller.abort();
    });
    const controller = new AbortController();
    if (kind === 'connect') await new Promise((resolve) => server.close(resolve));
    const target = kind === 'tls' ? base.replace('http:', 'https:') : base;
    const options: EgressRequest = {
      policy,
      method: 'POST',
      body: 'x',
      signal: controller.signal,
      ...(kind === 'headers_timeout' ? { headersTimeoutMs: 50 } : {}),
      ...(kind === 'total_timeout' ? { totalTimeoutMs: 50 } : {}),
    };
    await expect(egressTo(base).request(target, options)).rejects.toMatchObject({ name: 'EgressError', kind, sent });
  });

  it('sends nothing for a request that was given up before', async () => {
    let seen = 0;
    const { base } = await serve((_request, response) => {
      seen += 1;
      response.end();
    });
    const signal = AbortSignal.abort();
    await expect(egressTo(base).request(base, { policy, signal })).rejects.toMatchObject({ kind: 'aborted', sent: false });
    expect(seen).toBe(0);
  });

  it('says that an unknown name cannot be resolved', async () => {
    const service = new EgressService({ egress: { allow: [], allowed_ports: [80] } }, { resolve: () => Promise.reject(new Error('no')) });
    services.push(service);
    await expect(service.request('http://nowhere.test/', { policy })).rejects.toMatchObject({ kind: 'dns', sent: false });
  });

  it('ends the body with an error when it stalls, breaks or is given up', async () => {
    const { base } = await serve((request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('begun');
      if (request.url === '/break') setTimeout(() => response.destroy(), 20);
    });
    const service = egressTo(base);
    const read = async (path: string, options: Partial<EgressRequest>): Promise<string> =>
      text((await service.request(base + path, { policy, ...options })).body);
    await expect(read('/stall', { bodyTimeoutMs: 50 })).rejects.toMatchObject({ kind: 'body_timeout' });
    await expect(read('/break', {})).rejects.toMatchObject({ kind: 'reset', sent: true });
    await expect(read('/stall', { totalTimeoutMs: 80 })).rejects.toMatchObject({ kind: 'total_timeout' });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 30);
    await expect(read('/stall', { signal: controller.signal })).rejects.toMatchObject({ kind: 'aborted' });
  });

  it('gathers a small answer of known length, which is read in one piece or as a stream', async () => {
    const { base } = await serve((request, response) => {
      if (request.url === '/chunked') return response.writeHead(200).write('a', () => response.end('b'));
      if (request.url === '/big') return response.end(Buffer.alloc(70_000));
      if (request.url === '/gzip') return response.end(response.setHeader('content-encoding', 'gzip') && gzipSync('ab'));
      response.writeHead(200, { 'content-length': '2' }).write('a');
      return setTimeout(() => response.end('b'), 20);
    });
    const service = egressTo(base);
    const { gathered } = await service.request(base, { policy });
    expect(gathered?.isComplete).toBe(false);
    expect(String(await gathered?.all())).toBe('ab');
    expect(gathered?.isComplete).toBe(true);
    expect(String(await gathered?.all())).toBe('ab');
    expect(await text((await service.request(base, { policy })).body)).toBe('ab');
    const late = await service.request(base, { policy });
    await late.gathered?.all();
    expect(await text(late.body)).toBe('ab');
    for (const path of ['/chunked', '/big', '/gzip']) {
      const response = await service.request(base + path, { policy });
      expect(response.gathered, path).toBeUndefined();
      expect((await text(response.body)).length).toBe(path === '/big' ? 70_000 : 2);
    }
  });

  it.each([
    ['stalls', '/stall', { bodyTimeoutMs: 50 }, { kind: 'body_timeout', sent: true }],
    ['breaks', '/break', {}, { kind: 'reset', sent: true }],
    ['takes too long', '/stall', { totalTimeoutMs: 80 }, { kind: 'total_timeout', sent: true }],
    ['is given up', '/stall', { signal: () => AbortSignal.timeout(40) }, { kind: 'aborted', sent: true }],
  ])('fails the one piece of an answer that %s', async (_what, path, { signal, ...options }: Record<string, unknown>, failure) => {
    const { base } = await serve((request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('begun');
      if (request.url === '/break') setTimeout(() => response.destroy(), 20);
    });
    const given = signal === undefined ? options : { ...options, signal: (signal as () => AbortSignal)() };
    const { gathered } = await egressTo(base).request(base + path, { policy, ...given });
    await expect(gathered?.all()).rejects.toMatchObject(failure);
    // Whoever asks too late hears the same.
    await expect(gathered?.all()).rejects.toMatchObject(failure);
  });

  it('lets go of the connection of a small answer that is given up, read or not', async () => {
    let closed = 0;
    const { base } = await serve((request, response) => {
      request.socket.once('close', () => {
        closed += 1;
      });
      response.writeHead(200, { 'content-length': '100' }).write('begun');
    });
    const service = egressTo(base);
    (await service.request(base, { policy })).gathered?.destroy();
    (await service.request(base, { policy })).body.destroy();
    await expect.poll(() => closed).toBe(2);
  });

  it('remembers which URLs of a vendor are allowed for that vendor alone', async () => {
    const { base } = await serve((_request, response) => response.end('ok'));
    const service = new EgressService({ egress: { allow: [], allowed_ports: [] } }, new SystemResolver());
    services.push(service);
    const vendor = (...trusted: string[]): EgressRequest['policy'] => ({
      kind: 'vendor',
      declared: new OriginList([]),
      trusted: new OriginList(trusted),
    });
    const known = vendor(base);
    for (const _turn of [1, 2]) expect((await service.request(base, { policy: known })).status).toBe(200);
    await expect(service.request(base, { policy: vendor() })).rejects.toMatchObject({ kind: 'blocked' });
    await expect(service.request(base, { policy })).rejects.toMatchObject({ kind: 'blocked' });
    await expect(service.request(`${base}@169.254.169.254/`, { policy: known })).rejects.toMatchObject({ kind: 'blocked' });
  });

  it('stops reading at the cap, whatever the length that was announced or the compression', async () => {
    let sent = 0;
    const chunk = Buffer.alloc(64 * 1024);
    const { base } = await serve((request, response) => {
      if (request.url === '/bomb')
        return response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(64 * 1024 * 1024)));
      if (request.url === '/small') return response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('plain'));
      const more = (): void => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length;
      };
      response.on('drain', more);
      return more();
    });
    const service = egressTo(base);
    const read = async (path: string): Promise<string> => text(capped((await service.request(base + path, { policy })).body, 1024 * 1024));
    await expect(read('/endless')).rejects.toMatchObject({ kind: 'too_large' });
    expect(sent).toBeLessThan(64 * 1024 * 1024);
    await expect(read('/bomb')).rejects.toMatchObject({ kind: 'too_large' });
    expect(await read('/small')).toBe('plain');
  });

  it('takes no credential to another origin', async () => {
    const { base: other } = await serve((request, response) => response.end(JSON.stringify(request.headers)));
    const { base } = await serve((_request, response) => response.writeHead(302, { location: `${other}/there` }).end());
    const headers = { Authorization: 'Bearer s3cret', Cookie: 'a=b', 'X-Key': 'k', Accept: 'image/*' };
    const response = await egressTo(base, other).request(base, { policy, headers, followRedirects: 1 });
    expect(response.url).toBe(`${other}/there`);
    const received = JSON.parse(await text(response.body)) as Record<string, string>;
    expect(received).toMatchObject({ accept: 'image/*', host: new URL(other).host });
    expect(Object.keys(received)).not.toEqual(expect.arrayContaining(['authorization']));
    expect(JSON.stringify(received)).not.toMatch(/s3cret|a=b|"k"/);
  });

  it('refuses to open anything once it is shut down', async () => {
    const { base } = await serve((_request, response) => response.end());
    const service = egressTo(base);
    await service.onApplicationShutdown();
    await expect(service.request(base, { policy })).rejects.toMatchObject({ kind: 'connect', sent: false });
  });

  it('refuses an allow-list entry that it cannot read', () => {
    const make = (entry: string) => new EgressService({ egress: { allow: [entry], allowed_ports: [] } }, new SystemResolver());
    for (const entry of ['10.0.0.0/33', 'http://host/', 'a b', '10.0.0.0/x', 'user@host', ''])
      expect(() => make(entry), entry).toThrow(ConfigError);
    for (const entry of ['10.0.0.0/8', 'fd00::/8', 'host', 'host:81', '10.0.0.1', '[::1]:8080', '::1'])
      expect(() => make(entry), entry).not.toThrow();
  });
});

describe('nextHop', () => {
  it('never gives up encryption', () => {
    const from = new URL('https://a.test/x');
    expect(() => nextHop(from, 302, 'http://a.test/y', {})).toThrow(/from https to http/);
    expect(nextHop(from, 302, '/y', { authorization: 'x' })).toMatchObject({
      url: new URL('https://a.test/y'),
      headers: { authorization: 'x' },
    });
    expect(nextHop(from, 302, 'https://b.test/', { authorization: 'x' })?.headers).toEqual({});
    expect(nextHop(from, 200, '/y', {})).toBeUndefined();
  });
});
