import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeUnusedConnections, whenOver } from './connections.js';

const ASK = 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n';

describe('the end of an answer', () => {
  let app: ReturnType<typeof fastify>;
  let port: number;
  let handle: (request: FastifyRequest, reply: FastifyReply) => Promise<string> = async () => 'x';

  beforeEach(async () => {
    app = fastify();
    app.get('/', (request: FastifyRequest, reply: FastifyReply) => handle(request, reply));
    await app.listen({ port: 0, host: '127.0.0.1' });
    port = (app.server.address() as AddressInfo).port;
  });
  afterEach(() => app.close());

  it('is told once to each who waits, when the answer is out', async () => {
    const told: number[] = [];
    handle = async (request, reply) => {
      for (const one of [1, 2, 3]) whenOver(request, reply, () => told.push(one));
      return 'x';
    };
    const socket = connect(port, '127.0.0.1');
    socket.write(ASK);
    await expect.poll(() => told).toEqual([1, 2, 3]);
    socket.destroy();
    expect(told).toEqual([1, 2, 3]);
  });

  it('is told when the client leaves, also to who asks only then', async () => {
    const told: string[] = [];
    const left = new Promise<void>((resolve) => {
      handle = async (request, reply) => {
        whenOver(request, reply, () => told.push('before'));
        await once(request.raw.socket, 'close');
        whenOver(request, reply, () => told.push('after'));
        resolve();
        return 'x';
      };
    });
    const socket = connect(port, '127.0.0.1');
    socket.write(ASK);
    await once(socket, 'connect');
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.destroy();
    await left;
    expect(told.toSorted()).toEqual(['after', 'before']);
  });

  it('is told of answers that wait behind an earlier one of their connection', async () => {
    const told: number[] = [];
    let asked = 0;
    handle = async (request, reply) => {
      asked += 1;
      const own = asked;
      whenOver(request, reply, () => told.push(own));
      // The first answer never comes, so the others cannot go out.
      if (own === 1) await new Promise(() => undefined);
      return 'x';
    };
    const socket = connect(port, '127.0.0.1');
    socket.write(ASK.repeat(20));
    await expect.poll(() => asked).toBe(20);
    socket.destroy();
    await expect.poll(() => told.length).toBe(20);
  });
});

describe('closeUnusedConnections', () => {
  it('does not let a connection without a request hold up the end', async () => {
    const app = fastify({ forceCloseConnections: 'idle' });
    closeUnusedConnections(app);
    app.get('/', async () => 'ok');
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    await (await fetch(`http://127.0.0.1:${port}/`)).text();
    const gone = once(socket, 'close');
    await app.close();
    await gone;
    expect(socket.destroyed).toBe(true);
  });
});
