import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConfigError, loadConfig } from '../config/index.js';
import { EgressError } from './egress.errors.js';
import { type EgressRequest, EgressService } from './egress.service.js';
import { OriginList } from './origins.js';
import { SystemResolver } from './resolver.port.js';

const servers: Server[] = [];
const services: EgressService[] = [];
/** What the proxy was asked for. */
let asked: string[];

async function listen(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Tunnels, and leads every name to the vendor on this machine. */
function proxyTo(vendor: string, status = 200): Promise<string> {
  const server = createServer((request, response) => {
    asked.push(String(request.url));
    response.writeHead(502).end();
  });
  server.on('connect', ({ url }, socket) => {
    asked.push(String(url));
    if (status !== 200) return void socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
    const upstream = connect(Number(new URL(vendor).port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on('error', () => socket.destroy());
    socket.on('error', () => upstream.destroy());
  });
  return listen(server);
}

function service(): EgressService {
  const egress = new EgressService({ egress: { allow: [], allowed_ports: [80] } }, new SystemResolver());
  services.push(egress);
  return egress;
}

const policyFor = (...origins: string[]): EgressRequest['policy'] => ({
  kind: 'vendor',
  declared: new OriginList(['http://api.vendor.test']),
  trusted: new OriginList(origins),
});

describe('the environment’s proxies', () => {
  let vendor: string;
  beforeEach(async () => {
    asked = [];
    vendor = await listen(createServer((_request, response) => response.end('from the vendor')));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    for (const one of services.splice(0)) await one.onApplicationShutdown();
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  it.each(['HTTP_PROXY', 'http_proxy'])('%s takes vendors’ calls, whose names it resolves', async (name) => {
    vi.stubEnv(name, await proxyTo(vendor));
    const { status, body } = await service().request('http://api.vendor.test/x', { policy: policyFor() });
    expect(status).toBe(200);
    expect(await body.toArray().then((parts) => Buffer.concat(parts as Buffer[]).toString())).toBe('from the vendor');
    expect(asked).toEqual(['api.vendor.test:80']);
  });

  it('let pass by what NO_PROXY names', async () => {
    vi.stubEnv('HTTP_PROXY', await proxyTo(vendor));
    vi.stubEnv('NO_PROXY', 'example.com, 127.0.0.1');
    const { status, body } = await service().request(vendor, { policy: policyFor(vendor) });
    body.destroy();
    expect(status).toBe(200);
    expect(asked).toEqual([]);
  });

  it('are for vendors alone, and change nothing of what the guard refuses', async () => {
    vi.stubEnv('HTTP_PROXY', await proxyTo(vendor));
    const egress = service();
    for (const url of ['http://127.0.0.1/', 'http://169.254.169.254/', 'http://other.test/']) {
      await expect(egress.request(url, { policy: policyFor() })).rejects.toMatchObject({ kind: 'blocked' });
    }
    await expect(egress.request('http://localhost/', { policy: { kind: 'public' } })).rejects.toBeInstanceOf(EgressError);
    expect(asked).toEqual([]);
  });

  it('that refuse leave no doubt that the vendor saw nothing', async () => {
    vi.stubEnv('HTTP_PROXY', await proxyTo(vendor, 407));
    const failure = service().request('http://api.vendor.test/x', { policy: policyFor(), method: 'POST', body: 'paid for' });
    await expect(failure).rejects.toMatchObject({ sent: false });
  });

  it('that are no URLs stop the start', () => {
    expect(() => loadConfig({ HTTPS_PROXY: 'proxy:3128' }, '/')).toThrow(ConfigError);
    expect(() => loadConfig({ HTTPS_PROXY: 'proxy:3128' }, '/')).toThrow(/HTTPS_PROXY \(environment\): expected an http or https URL/);
    expect(() => loadConfig({ https_proxy: 'http://u:p@proxy:3128', no_proxy: '*' }, '/')).not.toThrow();
  });
});
