import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll } from 'vitest';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The bytes as they came. */
  readonly body: string;
}

/** Answers one request; may leave it open. */
export type Answering = (response: ServerResponse, received: Received) => void;

/** Somebody's webhook server. */
export class Receiver {
  readonly received: Received[] = [];
  answer: Answering = (response) => response.writeHead(204).end();
  private readonly open = new Set<ServerResponse>();
  private readonly server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const received = { path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString('utf8') };
      this.received.push(received);
      this.open.add(response);
      response.on('close', () => this.open.delete(response));
      this.answer(response, received);
    });
  });

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hooks`;
  }

  /** For `egress.allow`. */
  get allowed(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Requests that have no answer yet. */
  get waiting(): number {
    return this.open.size;
  }

  /** Ids of the events that came, in their order, each as often as it came. */
  ids(): string[] {
    return this.received.map(({ headers }) => String(headers['webhook-id']));
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** One for a `describe`, there from the first `beforeAll` on. */
export function receiver(): Receiver {
  const made = new Receiver();
  beforeAll(() => made.listen());
  afterAll(() => made.close());
  return made;
}

export function answering(status: number, headers: Record<string, string> = {}, body = ''): Answering {
  return (response) => response.writeHead(status, headers).end(body);
}
