import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { closeUnusedConnections } from './unused-connections.js';

describe('closeUnusedConnections', () => {
  it('does not let a connection without a request hold up the end', async () => {
    const fastify = Fastify({ forceCloseConnections: 'idle' });
    closeUnusedConnections(fastify);
    fastify.get('/', async () => 'ok');
    await fastify.listen({ port: 0, host: '127.0.0.1' });
    const { port } = fastify.server.address() as AddressInfo;
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    await (await fetch(`http://127.0.0.1:${port}/`)).text();
    const gone = once(socket, 'close');
    await fastify.close();
    await gone;
    expect(socket.destroyed).toBe(true);
  });
});
