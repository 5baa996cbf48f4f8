import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../../platform/common/index.js';
import type { ErrorResponder } from './error.filter.js';
import { whenOver } from './when-over.js';

/** Looks within one time limit; a client is found late by one of them at the most. */
const LOOKS = 4;
/** So long a client may go on sending what nobody reads any more, in order to see the answer. */
const LINGER_MS = 30_000;

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** It was answered. */
  isOver: boolean;
  /** Bytes that went over its connection at the last look. */
  moved: number;
  /** Looks in a row that found the client at a standstill. */
  still: number;
  /** Looks since it was answered. */
  lingering: number;
}

/**
 * Lets go of clients that stop in the middle of a body or of an answer, and would keep what belongs to their request for ever. Waiting for
 * the gateway is never held against a client, nor is anything while the event loop stands still: what is counted are looks.
 */
export function endSlowClients(fastify: FastifyInstance, errors: ErrorResponder, idleSeconds: number): void {
  const exchanges = new Set<Exchange>();
  const lookMs = (idleSeconds * 1000) / LOOKS;
  const mostLingering = Math.max(1, Math.ceil(LINGER_MS / lookMs));
  fastify.addHook('onRequest', (request, reply, done) => {
    const exchange: Exchange = { request, reply, isOver: false, moved: -1, still: 0, lingering: 0 };
    exchanges.add(exchange);
    whenOver(request, reply, () => {
      exchange.isOver = true;
      if (!isStillSending(exchange)) exchanges.delete(exchange);
    });
    done();
  });
  const look = (): void => {
    for (const exchange of exchanges) {
      const { socket } = exchange.request.raw;
      if (!exchange.isOver && !socket.destroyed) {
        if (isStill(exchange)) end(exchange, errors, idleSeconds);
      } else if (isStillSending(exchange)) {
        exchange.lingering += 1;
        if (exchange.lingering > mostLingering) socket.destroy();
      } else exchanges.delete(exchange);
    }
  };
  const timer = setInterval(look, lookMs).unref();
  fastify.addHook('onClose', (_instance, done) => {
    clearInterval(timer);
    done();
  });
}

function isStillSending({ request: { raw } }: Exchange): boolean {
  return raw.complete === false && !raw.socket.destroyed;
}

/** Whether a client that owes something has given nothing for too many looks. */
function isStill(exchange: Exchange): boolean {
  const { raw } = exchange.request;
  const moved = raw.socket.bytesRead + sentOf(raw.socket);
  const isOwed = owesBody(raw) || raw.socket.writableLength > 0;
  exchange.still = isOwed && moved === exchange.moved ? exchange.still + 1 : 0;
  exchange.moved = moved;
  return exchange.still >= LOOKS;
}

/** Not while more is here than was read so far: then it is the gateway that is slow. */
function owesBody(raw: IncomingMessage): boolean {
  return !raw.complete && raw.readableLength < raw.readableHighWaterMark;
}

function sentOf(socket: Socket): number {
  return socket.bytesWritten - socket.writableLength;
}

function end({ request, reply }: Exchange, errors: ErrorResponder, idleSeconds: number): void {
  const { socket } = request.raw;
  if (request.raw.complete || reply.sent || reply.raw.headersSent) {
    socket.destroy();
    return;
  }
  reply.header('connection', 'close');
  errors.respond(reply, request, new ApiError('request_timeout', `No data of the body arrived for ${idleSeconds} seconds.`));
}
