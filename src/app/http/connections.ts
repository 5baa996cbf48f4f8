import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../../platform/common/index.js';
import type { ErrorResponder } from './error.filter.js';

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

/**
 * Ends connections that never carried a request when the server closes. Node counts them neither as idle nor as busy and would wait
 * for them until its headers timeout; browsers and HTTP clients open such connections ahead of need.
 */
export function closeUnusedConnections(fastify: FastifyInstance): void {
  const unused = new Set<Socket>();
  let closing = false;
  fastify.server.on('connection', (socket: Socket) => {
    if (closing) {
      socket.destroy();
      return;
    }
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  fastify.server.on('request', ({ socket }: { readonly socket: Socket }) => unused.delete(socket));
  fastify.addHook('preClose', (done) => {
    closing = true;
    for (const socket of unused) socket.destroy();
    done();
  });
}

/** How often a closing server looks for connections whose last answer is out. */
const SWEEP_MS = 50;
/** For the answers of what ended just before the grace did. */
const LAST_BYTES_MS = 2_000;

/**
 * Lets the port close in time. Left alone, a closing server waits for connections that stay open after the answer that they waited for,
 * and for clients that read slowly or for ever.
 */
export class Connections {
  private readonly server: Server;
  private leaving = false;

  /** Before the application listens. */
  constructor(app: NestFastifyApplication) {
    this.server = app.getHttpServer();
    const fastify: FastifyInstance = app.getHttpAdapter().getInstance();
    fastify.addHook('onSend', (_request, reply, payload, done) => {
      if (this.leaving) reply.header('connection', 'close');
      done(null, payload);
    });
    fastify.addHook('preClose', (done) => {
      setInterval(() => this.server.closeIdleConnections(), SWEEP_MS).unref();
      done();
    });
  }

  /** From now on every answer asks its client to open its next connection elsewhere. */
  leave(): void {
    this.leaving = true;
  }

  /** The port is about to close; what is still open when the grace is over is cut. */
  end(graceMs: number): void {
    setTimeout(() => this.server.closeAllConnections(), graceMs + LAST_BYTES_MS).unref();
  }
}

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
