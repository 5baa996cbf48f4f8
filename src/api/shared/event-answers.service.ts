import { Readable } from 'node:stream';
import { Injectable, Logger } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { BlobStore } from '../../domain/storage/index.js';
import { PeriodicTasks } from '../../platform/schedule/index.js';
import { contentLengthOf, encodePieces, jsonPieces, type OpenFile } from './answers.service.js';

/** One server-sent event; its data may hold {@link FileText}. */
export interface OutgoingEvent {
  /** What a client that comes back names as `Last-Event-ID`. */
  readonly id?: string;
  readonly event: string;
  readonly data: unknown;
}

const HEARTBEAT = Buffer.from(': waiting\n\n');
/** Up to this length an event is written in one chunk. */
const SMALL_EVENT_BYTES = 65_536;

/**
 * A queue of server-sent events (WHATWG HTML, section 9.2) that one client reads at its own pace. Files are read only when their
 * turn comes, so waiting events cost nothing.
 */
export class EventStream {
  private readonly queue: OutgoingEvent[] = [];
  private heartbeat = false;
  private ended = false;
  private wake: (() => void) | undefined;

  /** @param retryMs after which time a client that lost the connection is to come back */
  constructor(private readonly retryMs?: number) {}

  push(event: OutgoingEvent): void {
    if (this.ended) return;
    this.queue.push(event);
    this.wake?.();
  }

  /** Sends a comment when nothing else waits, so that proxies keep the connection. */
  beat(): void {
    if (this.ended || this.queue.length > 0) return;
    this.heartbeat = true;
    this.wake?.();
  }

  /** Nothing more is taken; what waits is still sent. */
  end(): void {
    this.ended = true;
    this.wake?.();
  }

  /** The client is gone: nothing more is sent. */
  abandon(): void {
    this.queue.length = 0;
    this.end();
  }

  async *bytes(open: OpenFile): AsyncGenerator<Buffer, void> {
    if (this.retryMs !== undefined) yield Buffer.from(`retry: ${this.retryMs}\n\n`);
    for (;;) {
      const next = this.queue.shift();
      if (next !== undefined) {
        yield* encodeEvent(next, open);
      } else if (this.ended) {
        return;
      } else if (this.heartbeat) {
        this.heartbeat = false;
        yield HEARTBEAT;
      } else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
        this.wake = undefined;
      }
    }
  }
}

async function* encodeEvent({ id, event, data }: OutgoingEvent, open: OpenFile): AsyncGenerator<Buffer, void> {
  // JSON has no raw line breaks, so the data always fits one `data:` line.
  const pieces = [`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: `, ...jsonPieces(data), '\n\n'];
  if (contentLengthOf(pieces) > SMALL_EVENT_BYTES) {
    yield* encodePieces(pieces, open);
    return;
  }
  const chunks: Buffer[] = [];
  for await (const chunk of encodePieces(pieces, open)) chunks.push(chunk);
  yield Buffer.concat(chunks);
}

const HEARTBEAT_MS = 15_000;

/** Writes event streams that hold stored files, and keeps them alive with one timer for all. */
@Injectable()
export class EventAnswers {
  private readonly streams = new Set<EventStream>();
  private readonly open: OpenFile;

  constructor(blobs: BlobStore, periodic: PeriodicTasks) {
    this.open = (sha256) => blobs.chunks(sha256);
    periodic.add({
      name: 'api.heartbeats',
      intervalMs: HEARTBEAT_MS,
      run: () => this.beat(),
      failure: 'Open event streams could not be kept alive',
      logger: new Logger('Heartbeats'),
    });
  }

  /** Sends server-sent events until `stream` ends or the client goes away, whichever comes first. */
  async send(reply: FastifyReply, stream: EventStream): Promise<void> {
    this.streams.add(stream);
    reply.raw.once('close', () => {
      this.streams.delete(stream);
      stream.abandon();
    });
    // Proxies that gather an answer before they pass it on would take the point out of it.
    reply
      .code(200)
      .header('content-type', 'text/event-stream; charset=utf-8')
      .header('cache-control', 'no-cache, no-transform')
      .header('x-accel-buffering', 'no');
    await reply.send(Readable.from(stream.bytes(this.open)));
  }

  private beat(): void {
    for (const stream of this.streams) stream.beat();
  }
}
