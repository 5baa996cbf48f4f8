import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';

/** How often a closing server looks for connections whose last answer is out. */
const SWEEP_MS = 50;
/** For the answers of what ended just before the grace did. */
const LAST_BYTES_MS = 2_000;

/**
 * Lets the port close in time. Left alone, a closing server waits for connections on which nothing was ever asked, such as browsers
 * open ahead, for those that stay open after the answer that they waited for, and for clients that read slowly or for ever.
 */
export class Connections {
  private readonly server: Server;
  private readonly unused = new Set<Socket>();
  private leaving = false;
  private closing = false;

  /** Before the application listens. */
  constructor(app: NestFastifyApplication) {
    this.server = app.getHttpServer();
    this.server.on('connection', (socket: Socket) => this.opened(socket));
    this.server.on('request', ({ socket }: IncomingMessage) => this.unused.delete(socket));
    const fastify: FastifyInstance = app.getHttpAdapter().getInstance();
    fastify.addHook('onSend', (_request, reply, payload, done) => {
      if (this.leaving) reply.header('connection', 'close');
      done(null, payload);
    });
    fastify.addHook('preClose', (done) => {
      this.closing = true;
      for (const socket of this.unused) socket.destroy();
      setInterval(() => this.server.closeIdleConnections(), SWEEP_MS).unref();
      done();
    });
  }

  private opened(socket: Socket): void {
    if (this.closing) {
      socket.destroy();
      return;
    }
    this.unused.add(socket);
    socket.once('close', () => this.unused.delete(socket));
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
