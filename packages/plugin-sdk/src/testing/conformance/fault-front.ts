import { createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Json } from '../../json.js';

export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body: Json }
  /** 200 with a body that is neither JSON nor media. */
  | { readonly kind: 'garbage' }
  /** The vendor's own answer, cut off in the middle. */
  | { readonly kind: 'truncated' }
  /** The vendor does the work, but no header ever comes. */
  | { readonly kind: 'slow' }
  /** 200 with more JSON than any cap allows. */
  | { readonly kind: 'huge' }
  /** The connection breaks after the request. */
  | { readonly kind: 'reset' }
  /** The vendor's own JSON answer, changed. Undefined leaves it. */
  | { readonly kind: 'mutated'; readonly mutate: (body: Json) => Json | undefined }
  /** The vendor's own JSON answer, its text changed. */
  | { readonly kind: 'rewritten'; readonly rewrite: (text: string) => string };

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const HUGE_PIECES = 128;

/** A local server that stands before the simulator: it passes requests on, and plays faults from a chosen request on. */
export class FaultFront {
  /** Answers that were passed on, by the order of requests since the last {@link reset}. */
  readonly answers: Answer[] = [];
  /** Called for each request when it is complete. */
  onRequest: (() => void) | undefined;
  private target: URL | undefined;
  private fault: Fault | undefined;
  private faultFrom = 0;
  private faultUntil = 0;
  private seen = 0;

  private constructor(
    readonly url: string,
    private readonly stop: () => Promise<void>,
  ) {}

  static async open(): Promise<FaultFront> {
    let front: FaultFront | undefined;
    const server = createServer((incoming, response) => {
      // A plugin that hangs up breaks its own connection; there is nobody left to tell.
      front?.handle(incoming, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    front = new FaultFront(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    });
    return front;
  }

  passTo(baseUrl: string): void {
    this.target = new URL(baseUrl);
  }

  /** Plays a fault for `count` requests, after the next `passed` ones went through. */
  play(fault: Fault, passed = 0, count = Number.POSITIVE_INFINITY): void {
    this.reset();
    this.fault = fault;
    this.faultFrom = passed;
    this.faultUntil = passed + count;
  }

  reset(): void {
    this.fault = undefined;
    this.seen = 0;
    this.answers.length = 0;
    this.onRequest = undefined;
  }

  close(): Promise<void> {
    return this.stop();
  }

  private async handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const index = this.seen;
    this.seen += 1;
    const body = await buffer(incoming);
    this.onRequest?.();
    const fault = index >= this.faultFrom && index < this.faultUntil ? this.fault : undefined;
    switch (fault?.kind) {
      case 'status':
        response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers }).end(JSON.stringify(fault.body));
        return;
      case 'garbage':
        response.writeHead(200, { 'content-type': 'application/json' }).end('<html>\u0000 not what you wanted');
        return;
      case 'reset':
        response.socket?.destroy();
        return;
      case 'slow':
        return;
      case 'huge':
        await sendHuge(response);
        return;
      default:
        break;
    }
    const answer = await this.forward(incoming, body);
    this.answers.push(answer);
    if (fault?.kind === 'truncated') sendTruncated(response, answer);
    else if (fault?.kind === 'rewritten')
      sendAnswer(response, { ...answer, body: Buffer.from(fault.rewrite(answer.body.toString('utf8'))) });
    else sendAnswer(response, fault?.kind === 'mutated' ? mutated(answer, fault.mutate) : answer);
  }

  private forward(incoming: IncomingMessage, body: Buffer): Promise<Answer> {
    const target = this.target;
    if (target === undefined) throw new Error('the vendor has not been started');
    return new Promise((resolve, reject) => {
      const path = new URL(target.pathname.replace(/\/$/, '') + incoming.url, target);
      const request = httpRequest(path, { method: incoming.method, headers: incoming.headers, agent: false, setHost: false }, (message) => {
        buffer(message).then(
          (data) => resolve({ status: message.statusCode ?? 502, headers: message.headers, body: data }),
          (error: unknown) => reject(error),
        );
      });
      request.on('error', reject);
      request.end(body);
    });
  }
}

function sendAnswer(response: ServerResponse, answer: Answer): void {
  const { 'transfer-encoding': _encoding, connection: _connection, ...headers } = answer.headers;
  response.writeHead(answer.status, { ...headers, 'content-length': answer.body.length }).end(answer.body);
}

function sendTruncated(response: ServerResponse, answer: Answer): void {
  const { 'transfer-encoding': _encoding, ...headers } = answer.headers;
  response.writeHead(answer.status, { ...headers, 'content-length': answer.body.length + 64 });
  response.write(answer.body.subarray(0, Math.ceil(answer.body.length / 2)), () => response.destroy());
}

async function sendHuge(response: ServerResponse): Promise<void> {
  const piece = Buffer.alloc(65_536, 'a');
  response.on('error', () => undefined);
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write('{"filler":"');
  for (let sent = 0; sent < HUGE_PIECES && !response.destroyed; sent += 1) {
    await new Promise<void>((resolve) => {
      response.once('close', resolve);
      response.write(piece, () => {
        response.off('close', resolve);
        resolve();
      });
    });
  }
  response.end('"}');
}

function mutated(answer: Answer, mutate: (body: Json) => Json | undefined): Answer {
  let body: Json;
  try {
    body = JSON.parse(answer.body.toString('utf8')) as Json;
  } catch {
    return answer;
  }
  const changed = mutate(body);
  return changed === undefined ? answer : { ...answer, body: Buffer.from(JSON.stringify(changed)) };
}
