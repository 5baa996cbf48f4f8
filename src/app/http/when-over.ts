import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** What waits for the end of each answer; null when it is over. */
const waiting = new WeakMap<ServerResponse, (() => void)[] | null>();

/** Calls back once: when the answer is out, or when the client has left, before it or in the middle of it; at once when that has been. */
export function whenOver(request: FastifyRequest, reply: FastifyReply, callback: () => void): void {
  if (!waiting.has(reply.raw)) begin(request, reply);
  const callbacks = waiting.get(reply.raw);
  if (callbacks) callbacks.push(callback);
  else callback();
}

/** One listener for all: what many listen to, Node takes for a leak. */
function begin({ raw: { socket } }: FastifyRequest, { raw }: FastifyReply): void {
  if (socket.destroyed) {
    waiting.set(raw, null);
    return;
  }
  waiting.set(raw, []);
  const over = (): void => {
    const callbacks = waiting.get(raw) ?? [];
    waiting.set(raw, null);
    for (const callback of callbacks) callback();
  };
  raw.once('close', over);
  // Behind the answers to earlier requests of its connection, an answer is told of that connection's end by nobody.
  if (raw.socket === null) {
    socket.setMaxListeners(0);
    socket.once('close', over);
    raw.once('close', () => socket.off('close', over));
  }
}
