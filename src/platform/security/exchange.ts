import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { mediaShare, requestShare } from '../common/index.js';
import { describeFailure, EgressError } from './egress.errors.js';

/** The beginning of an answer. */
export class ResponseHead {
  constructor(
    readonly status: number,
    /** Names in lower case; repeated headers joined by `, `. */
    readonly headers: Record<string, string>,
    private readonly source: ResponseBody | Gathered,
  ) {}

  get body(): Readable {
    return this.source instanceof Gathered ? this.source.stream() : this.source;
  }

  /** Of a small answer that says its length, to be read in place of {@link body}. */
  get gathered(): GatheredBody | undefined {
    return this.source instanceof Gathered ? this.source : undefined;
  }
}

/** A small body that is gathered while it comes in, and read in one piece. */
export interface GatheredBody {
  /** All of it is here. */
  readonly isComplete: boolean;
  /** @throws EgressError */
  all(): Promise<Buffer>;
  /** Gives up what has not come yet, and the connection with it. */
  destroy(): void;
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

/** A stream costs more than all else of a small answer, so it is made only for who wants one. */
class Gathered implements GatheredBody {
  isComplete = false;
  private readonly chunks: Buffer[] = [];
  private error: Error | undefined;
  private asStream: ResponseBody | undefined;
  private reader: { readonly resolve: (data: Buffer) => void; readonly reject: (error: Error) => void } | undefined;

  constructor(
    private readonly controller: Dispatcher.DispatchController,
    private readonly onClosed: () => void,
  ) {}

  push(chunk: Buffer | null): void {
    if (this.asStream !== undefined) this.asStream.push(chunk);
    else if (chunk !== null) this.chunks.push(chunk);
    if (chunk !== null) return;
    this.isComplete = true;
    if (this.asStream !== undefined) return;
    this.onClosed();
    this.reader?.resolve(this.data());
  }

  destroy(error: Error = new Error('the body was given up')): void {
    if (this.asStream !== undefined) {
      this.asStream.destroy(error);
      return;
    }
    if (this.isComplete || this.error !== undefined) return;
    this.error = error;
    this.onClosed();
    this.controller.abort(error);
    this.reader?.reject(error);
  }

  all(): Promise<Buffer> {
    if (this.error !== undefined) return Promise.reject(this.error);
    if (this.isComplete) return Promise.resolve(this.data());
    return new Promise((resolve, reject) => {
      this.reader = { resolve, reject };
    });
  }

  stream(): Readable {
    if (this.asStream !== undefined) return this.asStream;
    const stream = new ResponseBody(this.controller, this.onClosed);
    // Whoever reads it hears of its error.
    stream.on('error', () => undefined);
    this.asStream = stream;
    for (const chunk of this.chunks.splice(0)) stream.push(chunk);
    if (this.error !== undefined) stream.destroy(this.error);
    else if (this.isComplete) stream.push(null);
    return stream;
  }

  private data(): Buffer {
    const [only] = this.chunks;
    return only !== undefined && this.chunks.length === 1 ? only : Buffer.concat(this.chunks);
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
  private body: ResponseBody | Gathered | undefined;
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
    const length = Number(headers['content-length']);
    const onClosed = (): void => this.settle();
    if (length <= UNASKED_BYTES) this.body = new Gathered(controller, onClosed);
    else {
      this.body = new ResponseBody(controller, onClosed);
      // An unread body may break at any time; the error belongs to whoever reads it.
      this.body.on('error', () => undefined);
      if (length > UNASKED_BYTES) controller.pause();
    }
    const head = new ResponseHead(status, joined(headers), this.body);
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
