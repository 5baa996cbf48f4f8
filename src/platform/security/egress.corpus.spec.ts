import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EgressError } from './egress.errors.js';
import { EgressService } from './egress.service.js';
import { OriginList } from './origins.js';
import { Resolver } from './resolver.port.js';

const corpus = JSON.parse(readFileSync(new URL('./egress.corpus.json', import.meta.url), 'utf8')) as Record<string, string[]>;

/** What a resolver that an attacker controls would say. */
const ANSWERS: Readonly<Record<string, readonly string[]>> = {
  localhost: ['127.0.0.1', '::1'],
  'redirector.test': ['127.0.0.1'],
  'public.test': ['127.0.0.1'],
  'loopback.test': ['127.0.0.1'],
  'loopback6.test': ['::1'],
  'mapped.test': ['::ffff:127.0.0.1'],
  'mapped-hex.test': ['::ffff:7f00:1'],
  'compatible.test': ['::127.0.0.1'],
  'nat64.test': ['64:ff9b::7f00:1'],
  'sixtofour.test': ['2002:7f00:1::1'],
  'zero.test': ['0.0.0.0'],
  'private.test': ['10.1.2.3'],
  'cgnat.test': ['100.64.0.9'],
  'ula.test': ['fd12::1'],
  'linklocal6.test': ['fe80::1'],
  'metadata.test': ['169.254.169.254'],
  'metadata-aws6.test': ['fd00:ec2::254'],
  'metadata-alibaba.test': ['100.100.100.200'],
  'metadata-azure.test': ['168.63.129.16'],
  'mixed-last.test': ['93.184.216.34', '127.0.0.1'],
  'mixed-first.test': ['127.0.0.1', '93.184.216.34'],
  'mixed6.test': ['2606:2800:220:1::1', '::1'],
  'zone.test': ['::1%lo'],
  'garbage.test': ['not an address'],
  'decimal.test': ['2130706433'],
  'broadcast.test': ['255.255.255.255'],
};

class HostileResolver extends Resolver {
  async resolve(host: string): Promise<readonly string[]> {
    return ANSWERS[host] ?? [];
  }
}

const hits: string[] = [];
const servers: Server[] = [];
let canaryPort = 0;
let redirectorPort = 0;

async function listen(server: Server, host: string, port = 0): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  return (server.address() as AddressInfo).port;
}

function egress(allow: readonly string[] = []): EgressService {
  const config = { egress: { allow: [...allow], allowed_ports: [80, 443, canaryPort] } };
  return new EgressService(config, new HostileResolver());
}

const withPort = (url: string): string => url.replaceAll('{port}', String(canaryPort));

async function outcome(service: EgressService, url: string, followRedirects = 0): Promise<string> {
  try {
    const response = await service.request(url, { policy: { kind: 'public' }, followRedirects, connectTimeoutMs: 500 });
    response.body.destroy();
    return `answered ${response.status}`;
  } catch (error) {
    return error instanceof EgressError ? `${error.kind}, ${error.sent ? 'sent' : 'not sent'}` : String(error);
  }
}

beforeAll(async () => {
  const canary = (): Server =>
    createServer((request, response) => {
      hits.push(request.url ?? '');
      response.end('canary');
    });
  canaryPort = await listen(canary(), '127.0.0.1');
  // Where IPv6 exists, the same port of ::1 belongs to the canary too.
  await listen(canary(), '::1', canaryPort).catch(() => undefined);
  const redirector = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://redirector.test');
    response
      .writeHead(Number(searchParams.get('status') ?? 302), {
        location: Buffer.from(searchParams.get('to') ?? '', 'utf8').toString('latin1'),
      })
      .end();
  });
  redirectorPort = await listen(redirector, '127.0.0.1');
});

afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  }
});

describe('egress corpus', () => {
  it('holds at least 200 URLs, and a canary that can be reached', async () => {
    expect(Object.values(corpus).flat().length).toBeGreaterThanOrEqual(200);
    const before = hits.length;
    const open = egress(['127.0.0.0/8', '::1/128']);
    for (const url of [
      'http://127.0.0.1:{port}/',
      'http://2130706433:{port}/',
      'http://loopback.test:{port}/',
      'http://[::ffff:7f00:1]:{port}/',
    ]) {
      expect(await outcome(open, withPort(url)), url).toBe('answered 200');
    }
    expect(hits.length).toBe(before + 4);
    await open.onApplicationShutdown();
  });

  it.each(Object.entries(corpus))('blocks %s', async (_group, urls) => {
    const before = hits.length;
    const service = egress();
    for (const url of urls) expect(await outcome(service, withPort(url)), url).toBe('blocked, not sent');
    expect(hits.length).toBe(before);
    await service.onApplicationShutdown();
  });

  it.each(Object.entries(corpus))('blocks redirects to %s', async (_group, urls) => {
    const before = hits.length;
    const service = egress([`redirector.test:${redirectorPort}`]);
    // A relative or empty location stays with the redirector, and what HTTP cannot carry in a header cannot be redirected to.
    const targets = urls.filter((url) => /^\s*[a-z]/i.test(url) && !/[\r\n\t]/.test(url));
    for (const url of targets) {
      const first = `http://redirector.test:${redirectorPort}/?to=${encodeURIComponent(withPort(url))}`;
      // Letters beyond ASCII arrive from a header as some other name, which no resolver knows.
      expect(await outcome(service, first, 3), url).toMatch(/^(blocked|dns), not sent$/);
    }
    expect(hits.length).toBe(before);
    await service.onApplicationShutdown();
  });

  it('does not follow redirects unless asked, and at most three', async () => {
    const service = egress([`redirector.test:${redirectorPort}`]);
    const self = `http://redirector.test:${redirectorPort}/`;
    const chain = (length: number): string => (length === 0 ? `${self}?status=200` : `${self}?to=${encodeURIComponent(chain(length - 1))}`);
    expect(await outcome(service, chain(1))).toBe('answered 302');
    expect(await outcome(service, chain(3), 3)).toBe('answered 200');
    expect(await outcome(service, chain(4), 3)).toBe('blocked, not sent');
    expect(await outcome(service, chain(4), 99)).toBe('blocked, not sent');
    await service.onApplicationShutdown();
  });

  it('keeps a vendor to its declared origins, and private addresses to the operator’s', async () => {
    const before = hits.length;
    const service = egress();
    const declared = new OriginList([`http://loopback.test:${canaryPort}`, `http://*.cdn.test:${canaryPort}`]);
    const attempt = async (url: string, trusted: readonly string[], anyPublic = false): Promise<string> => {
      try {
        const policy = { kind: 'vendor', declared, trusted: new OriginList(trusted), anyPublic } as const;
        const response = await service.request(withPort(url), { policy });
        response.body.destroy();
        return String(response.status);
      } catch (error) {
        return (error as EgressError).kind;
      }
    };
    // Declared by a plugin, but not at a public address.
    expect(await attempt('http://loopback.test:{port}/', [])).toBe('blocked');
    expect(await attempt('http://cdn.test:{port}/', [])).toBe('blocked');
    expect(await attempt('http://127.0.0.1:{port}/', [])).toBe('blocked');
    expect(await attempt('https://loopback.test:{port}/', [])).toBe('blocked');
    expect(hits.length).toBe(before);
    // Any public address is none of these.
    for (const url of [
      'http://loopback.test:{port}/',
      'http://127.0.0.1:{port}/',
      'http://metadata.test/',
      'http://10.0.0.1/',
      'ftp://a.test/',
    ]) {
      expect(await attempt(url, [], true), url).toBe('blocked');
    }
    expect(hits.length).toBe(before);
    // The operator's own word, except for what no vendor can be.
    expect(await attempt('http://loopback.test:{port}/', [withPort('http://loopback.test:{port}')])).toBe('200');
    expect(await attempt('http://metadata.test/', ['http://metadata.test'])).toBe('blocked');
    expect(await attempt('http://169.254.169.254/', ['http://169.254.169.254'])).toBe('blocked');
    expect(hits.length).toBe(before + 1);
    await service.onApplicationShutdown();
  });
});
