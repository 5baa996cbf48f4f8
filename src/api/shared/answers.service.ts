import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { BlobStore } from '../../domain/storage/index.js';
import { contentLengthOf, EventStream, encodePieces, type JsonPiece, jsonPieces, type OpenFile } from '../../platform/common/index.js';
import { Heartbeats } from './heartbeats.service.js';

/** Up to this length a body is built in one go. */
const SMALL_BODY_BYTES = 262_144;

/** One slice of base64 at a time: what waits for a slow client is made when it is wanted. */
const STREAM_BUFFER_BYTES = 1;

/** Writes JSON and event streams that hold stored files. */
@Injectable()
export class Answers {
  private readonly open: OpenFile;

  constructor(
    blobs: BlobStore,
    private readonly heartbeats: Heartbeats,
  ) {
    this.open = (sha256) => blobs.chunks(sha256);
  }

  /** Sends JSON in which {@link FileText} may stand; memory does not grow with the files. */
  async json(reply: FastifyReply, status: number, value: unknown): Promise<void> {
    const pieces = jsonPieces(value);
    const length = contentLengthOf(pieces);
    const body =
      length > SMALL_BODY_BYTES
        ? Readable.from(encodePieces(pieces, this.open), { objectMode: false, highWaterMark: STREAM_BUFFER_BYTES })
        : await this.whole(pieces);
    reply.code(status).header('content-type', 'application/json; charset=utf-8').header('content-length', length);
    await reply.send(body);
  }

  private async whole(pieces: readonly JsonPiece[]): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of encodePieces(pieces, this.open)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** Sends server-sent events until `stream` ends or the client goes away, whichever comes first. */
  async events(reply: FastifyReply, stream: EventStream): Promise<void> {
    const stop = this.heartbeats.keep(stream);
    reply.raw.once('close', () => {
      stop();
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
}
