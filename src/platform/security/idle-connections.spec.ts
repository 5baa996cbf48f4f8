import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { EgressService } from './egress.service.js';
import { SystemResolver } from './resolver.port.js';

/** Longer than an idle connection is used again, and shorter than what the vendor promises. */
const FORGOTTEN_AFTER_MS = 5_000;
const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const port = (server: Server | HttpServer): number => (server.address() as AddressInfo).port;
const listen = (server: Server | HttpServer): Promise<void> => new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

/** A box between here and the vendor that forgets connections: what is sent on one afterwards is lost, and nobody is told. */
async function startForgetfulBox(target: number): Promise<{ port: number; connections: Socket[]; forget(): void }> {
  const connections: Socket[] = [];
  const forgotten = new Set<Socket>();
  const server = createServer((client) => {
    connections.push(client);
    const vendor = connect(target, '127.0.0.1');
    client.on('data', (data) => void (forgotten.has(client) || vendor.write(data)));
    vendor.on('data', (data) => void (forgotten.has(client) || client.write(data)));
    for (const socket of [client, vendor]) socket.on('error', () => undefined);
    client.on('close', () => vendor.destroy());
  });
  await listen(server);
  stops.push(async () => {
    for (const client of connections) client.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: port(server), connections, forget: () => void connections.forEach((client) => forgotten.add(client)) };
}

describe('an idle connection that a box on the way has forgotten', () => {
  it('swallows no later request, whatever the vendor promised', { timeout: 30_000 }, async () => {
    const vendor = createHttpServer((request, response) => {
      request.resume();
      response.writeHead(200, { 'keep-alive': 'timeout=600', connection: 'keep-alive' }).end('ok');
    });
    vendor.keepAliveTimeout = 600_000;
    await listen(vendor);
    stops.push(async () => {
      vendor.closeAllConnections();
      await new Promise((resolve) => vendor.close(resolve));
    });
    const box = await startForgetfulBox(port(vendor));
    const egress = new EgressService({ egress: { allow: ['127.0.0.1'], allowed_ports: [box.port] } }, new SystemResolver());
    stops.push(() => egress.onApplicationShutdown());
    const pay = async (): Promise<number> => {
      const request = { policy: { kind: 'public' }, method: 'POST', body: '{}', headersTimeoutMs: 3_000 } as const;
      const { status, body } = await egress.request(`http://127.0.0.1:${box.port}/`, request);
      for await (const _part of body);
      return status;
    };
    expect(await pay()).toBe(200);
    const used = box.connections.length;
    box.forget();
    await delay(FORGOTTEN_AFTER_MS);
    expect(await pay()).toBe(200);
    expect(box.connections).toHaveLength(used + 1);
  });
});
