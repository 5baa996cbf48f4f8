import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/**
 * What simulators of vendors are built on: a real HTTP server on 127.0.0.1 that logs what it received and can be told to fail. A vendor
 * is one function from a request to a reply:
 *
 *   const simulator = await startHttpSimulator((request) => jsonReply(200, { ok: true }));
 *   simulator.inject({ kind: 'status', status: 503 }, { path: '/v1/images/generations', times: 2 });
 *   await fetch(`${simulator.origin}/v1/images/generations`, { method: 'POST', body: '{}' });
 *   simulator.requests[0]?.json();
 *   await simulator.close();
 */

/** A request as it came in, with its whole body. */
export interface ReceivedRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Empty in {@link HttpSimulator.requests} when the simulator was started with `keepBodies: false`. */
  readonly body: Buffer;
  /** Length of the body, also when it was not kept. */
  readonly bodyBytes: number;
  /** @throws SyntaxError when the body is not JSON. */
  json(): unknown;
  /** The parts of a multipart body: text as `string`, files as `File`. @throws TypeError when the body is not multipart. */
  form(): Promise<FormData>;
}

/** What a simulator answers. Buffers of a list are written by reference, so that many replies can share one large picture. */
export interface SimulatorReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A list is sent with its content length; an iterable is sent in chunks as it yields. */
  readonly body?: string | Buffer | readonly Buffer[] | AsyncIterable<Buffer | string>;
}

export type SimulatorHandler = (request: ReceivedRequest) => SimulatorReply | Promise<SimulatorReply>;

export type SimulatorFault =
  /** Answers this without asking the handler: the vendor did no work. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
      /** Default: at once. */
      readonly afterMs?: number;
    }
  /** Waits, then answers as usual. Milliseconds. */
  | { readonly kind: 'latency'; readonly ms: number }
  /** The handler runs (the vendor did the work), then the connection breaks without an answer. */
  | { readonly kind: 'drop' }
  /** The connection breaks before the handler runs. */
  | { readonly kind: 'refuse' }
  /** The answer announces its whole length and breaks off after so many bytes (default: half). */
  | { readonly kind: 'truncate'; readonly afterBytes?: number }
  /** Status 200 (or as told), `application/json`, and a body that is not JSON. */
  | { readonly kind: 'garbage'; readonly status?: number }
  /** The body comes in pieces, with a pause after each. */
  | { readonly kind: 'slow'; readonly chunkBytes: number; readonly pauseMs: number }
  /** A well-formed JSON answer of so many bytes. */
  | { readonly kind: 'huge'; readonly bytes: number };

export interface FaultScope {
  readonly method?: string;
  /** The exact path, or a pattern. Default: every path. */
  readonly path?: string | RegExp;
  /** How many requests are hit. Default 1; `Infinity` until {@link HttpSimulator.reset}. */
  readonly times?: number;
}

export interface HttpSimulatorOptions {
  /** Whether the log keeps bodies; switch off for load. Default true. */
  readonly keepBodies?: boolean;
  /** Default: a free one. */
  readonly port?: number;
}

export interface HttpSimulator {
  /** `http://127.0.0.1:<port>`, without a slash. */
  readonly origin: string;
  /** Every request in the order of arrival, refused and failed ones too. */
  readonly requests: readonly ReceivedRequest[];
  /** Requests that came to a path. */
  count(path: string | RegExp, method?: string): number;
  inject(fault: SimulatorFault, scope?: FaultScope): void;
  /** Forgets the log and every fault. */
  reset(): void;
  /** Breaks open connections and ends the server. */
  close(): Promise<void>;
}

export function jsonReply(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): SimulatorReply {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

/** @throws Error of the system when the port is taken. */
export async function startHttpSimulator(handle: SimulatorHandler, options: HttpSimulatorOptions = {}): Promise<HttpSimulator> {
  const requests: ReceivedRequest[] = [];
  const faults: { fault: SimulatorFault; scope: FaultScope; left: number }[] = [];
  const sockets = new Set<Socket>();
  const closing = new AbortController();

  const takeFault = (request: ReceivedRequest): SimulatorFault | undefined => {
    const hit = faults.find(
      ({ scope, left }) => left > 0 && (scope.method ?? request.method) === request.method && matches(scope.path, request.path),
    );
    if (hit) hit.left -= 1;
    return hit?.fault;
  };

  const server = createServer((incoming, response) => {
    answer(incoming, response).catch((error: unknown) => {
      // A handler that throws is a mistake of the simulator, and shall be read as one.
      if (response.headersSent || closing.signal.aborted) response.destroy();
      else response.writeHead(500).end(`the simulator failed: ${String(error)}`);
    });
  });
  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = await receive(incoming);
    requests.push(options.keepBodies === false ? { ...request, body: Buffer.alloc(0) } : request);
    const fault = takeFault(request);
    if (fault?.kind === 'refuse') {
      response.destroy();
      return;
    }
    if (fault?.kind === 'latency') await wait(fault.ms, undefined, { signal: closing.signal });
    if (fault?.kind === 'status' && fault.afterMs !== undefined) await wait(fault.afterMs, undefined, { signal: closing.signal });
    const reply = faultReply(fault) ?? (await handle(request));
    if (fault?.kind === 'drop') response.destroy();
    else await send(response, reply, fault, closing.signal);
  };
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  // Longer than any test, so that a client's pooled connection does not break on its own.
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });

  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    count: (path, method) =>
      requests.filter((request) => matches(path, request.path) && (method ?? request.method) === request.method).length,
    inject: (fault, scope = {}) => {
      faults.push({ fault, scope, left: scope.times ?? 1 });
    },
    reset: () => {
      requests.length = 0;
      faults.length = 0;
    },
    close: async () => {
      closing.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function matches(wanted: string | RegExp | undefined, path: string): boolean {
  if (wanted === undefined) return true;
  return typeof wanted === 'string' ? wanted === path : wanted.test(path);
}

async function receive(incoming: IncomingMessage): Promise<ReceivedRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const url = new URL(incoming.url ?? '/', 'http://vendor.invalid');
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );
  return {
    method: incoming.method ?? 'GET',
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers,
    body,
    bodyBytes: body.length,
    json: () => JSON.parse(body.toString('utf8')) as unknown,
    form: () => new Response(new Uint8Array(body), { headers: { 'content-type': headers['content-type'] ?? '' } }).formData(),
  };
}

function faultReply(fault: SimulatorFault | undefined): SimulatorReply | undefined {
  switch (fault?.kind) {
    case 'status': {
      const text = typeof fault.body === 'string' ? fault.body : JSON.stringify(fault.body ?? { error: { message: 'injected' } });
      return { status: fault.status, headers: { 'content-type': 'application/json', ...fault.headers }, body: text };
    }
    case 'garbage':
      return { status: fault.status ?? 200, headers: { 'content-type': 'application/json' }, body: '<html>upstream says no</html>' };
    case 'huge':
      return { status: 200, headers: { 'content-type': 'application/json' }, body: hugeJson(fault.bytes) };
    default:
      return undefined;
  }
}

async function* hugeJson(bytes: number): AsyncGenerator<Buffer> {
  const piece = Buffer.alloc(65_536, 0x61);
  yield Buffer.from('{"filler":"');
  for (let left = bytes - 13; left > 0; left -= piece.length) yield piece.subarray(0, Math.min(left, piece.length));
  yield Buffer.from('"}');
}

async function send(
  response: ServerResponse,
  reply: SimulatorReply,
  fault: SimulatorFault | undefined,
  signal: AbortSignal,
): Promise<void> {
  const body = reply.body ?? '';
  const headers: Record<string, string> = { ...reply.headers };
  let left = Number.POSITIVE_INFINITY;
  let pieces: AsyncIterable<Buffer | string> | readonly Buffer[];
  if (typeof body === 'string' || Buffer.isBuffer(body) || Array.isArray(body)) {
    pieces = Array.isArray(body) ? body : [Buffer.from(body as string)];
    const length = (pieces as readonly Buffer[]).reduce((sum, piece) => sum + piece.length, 0);
    headers['content-length'] = String(length);
    if (fault?.kind === 'truncate') left = fault.afterBytes ?? Math.floor(length / 2);
  } else {
    pieces = body as AsyncIterable<Buffer | string>;
    if (fault?.kind === 'truncate') left = fault.afterBytes ?? 64;
  }
  response.writeHead(reply.status, headers);
  for await (const piece of pieces) {
    for (const part of split(Buffer.isBuffer(piece) ? piece : Buffer.from(piece), fault)) {
      if (response.destroyed) return;
      await write(response, part.subarray(0, left));
      left -= part.length;
      if (left <= 0) {
        response.destroy();
        return;
      }
      if (fault?.kind === 'slow') await wait(fault.pauseMs, undefined, { signal });
    }
  }
  response.end();
}

function* split(piece: Buffer, fault: SimulatorFault | undefined): Generator<Buffer> {
  const step = fault?.kind === 'slow' ? fault.chunkBytes : piece.length;
  for (let start = 0; start < piece.length; start += step) yield piece.subarray(start, start + step);
}

/** Resolves when the bytes are handed to the system, so that a truncated answer really shows its first part. */
function write(response: ServerResponse, data: Buffer): Promise<void> {
  return new Promise((resolve) => {
    response.once('close', resolve);
    response.write(data, () => {
      response.removeListener('close', resolve);
      resolve();
    });
  });
}
