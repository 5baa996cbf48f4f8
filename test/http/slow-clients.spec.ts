import { connect, type Socket } from 'node:net';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Client, until } from '../support/client.js';
import { type Gateway, startGateway } from '../support/gateway.js';

const MASTER = 'a-master-key-for-slow-clients';
const KEYED_PLACES = 12;
const PUBLIC_PLACES = 6;
const IDLE_MS = 1_000;
/** Far longer than any of the limits here, and short enough for a test. */
const SOON_MS = 12_000;

/** Who keeps a request open costs its own place, for a while, and nobody else's. */
describe('clients that send or read slowly', () => {
  let gateway: Gateway;
  let client: Client;
  const open: Socket[] = [];

  beforeAll(async () => {
    gateway = await startGateway({
      env: {
        LITEGEN__MASTER_KEY: MASTER,
        LITEGEN__SERVER__MAX_REQUESTS_IN_FLIGHT: String(KEYED_PLACES),
        LITEGEN__SERVER__MAX_PUBLIC_REQUESTS_IN_FLIGHT: String(PUBLIC_PLACES),
        LITEGEN__SERVER__HEADERS_TIMEOUT_SECONDS: '2',
        LITEGEN__SERVER__BODY_TIMEOUT_SECONDS: '6',
        LITEGEN__SERVER__IDLE_TIMEOUT_SECONDS: String(IDLE_MS / 1000),
      },
    });
    client = new Client(gateway.url, MASTER);
    return async () => void (await gateway.stop());
  });
  afterEach(() => {
    for (const socket of open.splice(0)) socket.destroy();
  });

  interface Connection {
    readonly socket: Socket;
    /** All that was answered. */
    readonly answer: () => string;
    readonly closed: Promise<void>;
  }

  function dial(text: string): Connection {
    const { port } = new URL(gateway.url);
    const socket = connect(Number(port), '127.0.0.1');
    open.push(socket);
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.write(text);
    return { socket, answer: () => answer, closed };
  }

  function begun(
    path: string,
    { key, length = 1_000_000, body = '{"a":"' }: { key?: string; length?: number; body?: string } = {},
  ): string {
    return [
      `POST ${path} HTTP/1.1`,
      'host: localhost',
      'content-type: application/json',
      `content-length: ${length}`,
      ...(key === undefined ? [] : [`authorization: Bearer ${key}`]),
      '',
      body,
    ].join('\r\n');
  }

  async function inFlight(): Promise<number> {
    return Number(/^litegen_http_requests_in_flight (\d+)$/m.exec((await client.send('/metrics')).text)?.[1]);
  }

  async function expectAnswers(): Promise<void> {
    for (let count = 0; count < 5; count += 1) {
      const started = Date.now();
      expect((await client.send('/v1/models')).status).toBe(200);
      expect((await client.send('/health/ready')).status).toBe(200);
      expect(Date.now() - started).toBeLessThan(1_000);
    }
  }

  it.each([
    ['a callback that nobody waits for', '/v1/callbacks/x', 404],
    ['a callback with a made-up token', `/v1/callbacks/${'0'.repeat(64)}`, 404],
    ['no route', '/v1/nothing/here', 404],
    ['a route without a key', '/v1/images/generations', 401],
    ['a signed link', '/v1/files/asset-1', 405],
    ['a document', '/openapi.json', 405],
  ])('are answered before their body comes: %s', async (_name, path, status) => {
    const connections = Array.from({ length: 300 }, () => dial(begun(path)));
    await until(() => connections.every(({ answer }) => answer().includes('\r\n\r\n')));
    // So many at the same moment are more than there are places for the public.
    const statuses = connections.map(({ answer }) => Number(/^HTTP\/1\.1 (\d+) [\s\S]*"code":"/.exec(answer())?.[1]));
    expect(statuses.filter((told) => told !== status && told !== 503)).toEqual([]);
    expect(statuses).toContain(status);
    await expectAnswers();
    // Only the one that asks.
    expect(await inFlight()).toBe(1);
  });

  it('that never send headers take no place, and are let go', async () => {
    const connections = [
      ...Array.from({ length: 300 }, () => dial('POST /v1/images/generations HTTP/1.1\r\nhost: localhost\r\nx-slow: ')),
      ...Array.from({ length: 100 }, () => dial('')),
    ];
    await expectAnswers();
    const dripping = setInterval(() => {
      for (const { socket } of connections.slice(0, 300)) if (socket.writable) socket.write('a');
    }, 100);
    await within(Promise.all(connections.map(({ closed }) => closed)));
    clearInterval(dripping);
  });

  it('that stop in a body are told so and let go, and their places are free again', async () => {
    const connections = Array.from({ length: KEYED_PLACES - 1 }, () => dial(begun('/v1/images/generations', { key: MASTER })));
    await until(async () => (await inFlight()) === KEYED_PLACES);
    await within(Promise.all(connections.map(({ closed }) => closed)));
    for (const { answer } of connections)
      expect(answer()).toMatch(/^HTTP\/1\.1 408 [\s\S]*connection: close[\s\S]*"code":"request_timeout"/i);
    expect(await inFlight()).toBe(1);
    await expectAnswers();
  });

  it('that stop in a form are told so and let go', async () => {
    const head = begun('/v1/images/edits', { key: MASTER }).replace('application/json', 'multipart/form-data; boundary=x');
    const part = '--x\r\ncontent-disposition: form-data; name="image"; filename="a.png"\r\n\r\n';
    const { answer, closed } = dial(head.replace('{"a":"', part));
    await within(closed);
    expect(answer()).toMatch(/^HTTP\/1\.1 408 [\s\S]*"code":"request_timeout"/);
    expect(await inFlight()).toBe(1);
  });

  it('that send a body drop by drop are let go when the time of the whole request is over', async () => {
    const { socket, closed } = dial(begun('/v1/images/generations', { key: MASTER }));
    const dripping = setInterval(() => socket.writable && socket.write('a'), 200);
    await within(closed);
    clearInterval(dripping);
    await until(async () => (await inFlight()) === 1);
  });

  it('that hang up in the middle of a body leave no trace', async () => {
    for (let round = 0; round < 4; round += 1) {
      const connections = Array.from({ length: KEYED_PLACES - 1 }, () => dial(begun('/v1/images/generations', { key: MASTER })));
      await until(async () => (await inFlight()) > 1);
      for (const { socket } of connections) socket.destroy();
      await until(async () => (await inFlight()) === 1);
    }
    await expectAnswers();
    expect((await client.send('/metrics')).text).toMatch(
      /litegen_http_requests_total\{route="\/v1\/images\/generations",method="POST",status="499"\} \d/,
    );
  });

  it('that send on after they were answered are let go', async () => {
    const { socket, answer, closed } = dial(begun('/v1/images/generations', { length: 1_000_000_000 }));
    const sending = setInterval(() => socket.writable && socket.write('a'.repeat(1000)), 50);
    await until(() => answer().includes('401'));
    await within(closed);
    clearInterval(sending);
  });

  /** Clients that ask for more than all buffers on the way hold, and read none of it. */
  function deaf(count: number): void {
    for (const { socket } of Array.from({ length: count }, () => dial(''))) {
      socket.pause();
      socket.write('GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n'.repeat(100));
    }
  }

  it('that do not read their answers are let go', async () => {
    deaf(3);
    await expectAnswers();
    await within(until(async () => (await inFlight()) > 1));
    await within(until(async () => (await inFlight()) === 1));
  });

  it('of public routes never take the places of keyed ones', async () => {
    deaf(PUBLIC_PLACES);
    const full = await within(
      until(async () => {
        const answer = await client.send('/openapi.json');
        return answer.status === 503 ? answer : undefined;
      }),
    );
    expect(full.json()).toMatchObject({ error: { code: 'over_capacity' } });
    await expectAnswers();
  });
});

function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${SOON_MS} ms`)), SOON_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
