import { createSocket, type Socket } from 'node:dgram';
import { Resolver as DnsClient } from 'node:dns/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { EgressService } from './egress.service.js';
import { Resolver } from './resolver.port.js';

/** A name server that answers each question for an A record with the next address of its list, never to be cached. */
class RebindingNameServer {
  private readonly socket: Socket = createSocket('udp4');
  asked = 0;

  constructor(private readonly answers: readonly string[]) {
    this.socket.on('message', (query, peer) => this.socket.send(this.answer(query), peer.port, peer.address));
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.socket.bind(0, '127.0.0.1', resolve));
    return `127.0.0.1:${this.socket.address().port}`;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.socket.close(() => resolve()));
  }

  /** RFC 1035, section 4: the question is repeated and the record's name points to it. */
  private answer(query: Buffer): Buffer {
    const question = query.subarray(12, query.indexOf(0, 12) + 5);
    const wantsIpv4 = question.readUInt16BE(question.length - 4) === 1;
    const header = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x85, 0x80, 0, 1, 0, wantsIpv4 ? 1 : 0, 0, 0, 0, 0]);
    if (!wantsIpv4) return Buffer.concat([header, question]);
    const address = this.answers[Math.min(this.asked, this.answers.length - 1)] ?? '';
    this.asked += 1;
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]);
    return Buffer.concat([header, question, record]);
  }
}

class DnsResolver extends Resolver {
  private readonly client = new DnsClient({ timeout: 1000, tries: 1 });

  constructor(server: string) {
    super();
    this.client.setServers([server]);
  }

  resolve(host: string): Promise<readonly string[]> {
    return this.client.resolve4(host);
  }
}

/** Behind the documentation range, opened for this test, is nobody: it stands for the harmless address that a checker is shown. */
const HARMLESS = '192.0.2.7';
const policy = { kind: 'public' } as const;
const open: { stop(): Promise<unknown> }[] = [];

async function setUp(answers: readonly string[], allow: readonly string[]) {
  const hits: string[] = [];
  const canary: Server = createServer((request, response) => {
    hits.push(request.url ?? '');
    response.end('canary');
  });
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
  const { port } = canary.address() as AddressInfo;
  const names = new RebindingNameServer(answers);
  const service = new EgressService({ egress: { allow: [...allow], allowed_ports: [port] } }, new DnsResolver(await names.start()));
  open.push(names, {
    stop: async () => {
      await service.onApplicationShutdown();
      canary.closeAllConnections();
      await new Promise((resolve) => canary.close(resolve));
    },
  });
  const request = () => service.request(`http://rebind.test:${port}/`, { policy, connectTimeoutMs: 300 });
  return { hits, names, request };
}

afterEach(async () => {
  for (const item of open.splice(0)) await item.stop();
});

describe('a name that points elsewhere after it was checked', () => {
  it('is asked once a connection, and the connection goes to the address that was checked', async () => {
    const { hits, names, request } = await setUp([HARMLESS, '127.0.0.1'], ['192.0.2.0/24']);
    await expect(request()).rejects.toMatchObject({ kind: 'connect', sent: false });
    expect(names.asked).toBe(1);
    await expect(request()).rejects.toMatchObject({ kind: 'blocked', sent: false });
    expect(names.asked).toBe(2);
    expect(hits).toEqual([]);
  });

  it('reaches the canary when the operator opened it, which proves that the name server is used', async () => {
    const { hits, names, request } = await setUp(['127.0.0.1'], ['127.0.0.0/8']);
    const response = await request();
    expect(response.status).toBe(200);
    response.body.resume();
    expect(names.asked).toBe(1);
    expect(hits).toEqual(['/']);
  });
});
