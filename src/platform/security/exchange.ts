import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { mediaShare, requestShare } from '../common/index.js';
import { describeFailure, EgressError } from './egress.errors.js';

export interface ResponseHead {
  readonly status: number;
  /** Names in lower case; repeated headers joined by `, `. */
  readonly headers: Record<string, string>;
  readonly body: Readable;
}

/** So much is taken in although nobody asks, so that small answers which are never read set their connection free. */
const UNASKED_BYTES = 64 * 1024;

/** A body piece by piece as it comes from the socket: a stream of bytes would join pieces into ever new buffers. */
class ResponseBody extends Readable {
  private readonly order = mediaShare.join();

  constructor(
    private readonly controller: Dispatcher.DispatchController,
    private readonly onClosed: () => void,
  ) {
    super({ objectMode: true, highWaterMark: 0 });
  }

  override _read(): void {
    if (!this.controller.paused) return;
    const turn = mediaShare.take(this.order);
    if (turn === undefined) this.controller.resume();
    else void turn.then(() => this.controller.resume());
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // Whoever stops reading half-way gives up the connection; the rest is never read into memory.
    if (!this.readableEnded) this.controller.abort(error ?? new Error('the body was given up'));
    this.onClosed();
    callback(error);
  }
}

function joined(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const record: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) record[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  }
  return record;
}

/** One request on its way: knows whether its bytes went out, and ends exactly once. */
export class Exchange implements Dispatcher.DispatchHandler {
  private sent = false;
  private failure: EgressError | undefined;
  private controller: Dispatcher.DispatchController | undefined;
  private body: ResponseBody | undefined;
  private receivedBytes = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly onAbort = (): void => this.giveUp('aborted', `the request to ${this.host} was given up`);

  constructor(
    private readonly host: string,
    private readonly signal: AbortSignal | undefined,
    totalTimeoutMs: number | undefined,
    private readonly resolve: (head: ResponseHead) => void,
    private readonly reject: (error: EgressError) => void,
  ) {
    signal?.addEventListener('abort', this.onAbort, { once: true });
    if (totalTimeoutMs !== undefined) {
      this.timer = setTimeout(() => this.giveUp('total_timeout', `${host} did not finish within ${totalTimeoutMs} ms`), totalTimeoutMs);
    }
    if (signal?.aborted) this.onAbort();
  }

  get ended(): boolean {
    return this.failure !== undefined;
  }

  /** Called with a connection in hand, just before the first byte is written. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.failure === undefined) this.sent = true;
    else controller.abort(this.failure);
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[] | undefined>): void {
    if (status < 200 || this.failure !== undefined) return;
    this.body = new ResponseBody(controller, () => this.settle());
    // An unread body may break at any time; the error belongs to whoever reads it.
    this.body.on('error', () => undefined);
    if (Number(headers['content-length']) > UNASKED_BYTES) controller.pause();
    const head = { status, headers: joined(headers), body: this.body };
    // Answers that come in one turn of the event loop are passed on over several, as requests are taken in.
    const turn = requestShare.take();
    if (turn === undefined) this.resolve(head);
    else void turn.then(() => this.resolve(head));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    // The parser may go on from a pause with an empty piece, which a stream of pieces would pass on.
    if (chunk.length === 0) return;
    this.receivedBytes += chunk.length;
    this.body?.push(chunk);
    if (this.receivedBytes > UNASKED_BYTES) controller.pause();
  }

  onResponseEnd(): void {
    this.body?.push(null);
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.fail(describeFailure(error, this.host, this.sent));
  }

  private giveUp(kind: 'aborted' | 'total_timeout', message: string): void {
    this.fail(new EgressError(kind, message, this.sent));
    this.controller?.abort(this.failure ?? new Error(message));
  }

  private fail(error: EgressError): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    this.settle();
    if (this.body === undefined) this.reject(error);
    else this.body.destroy(error);
  }

  private settle(): void {
    clearTimeout(this.timer);
    this.signal?.removeEventListener('abort', this.onAbort);
  }
}
