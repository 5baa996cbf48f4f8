import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { lifecycleHeaders } from '../../domain/catalog/index.js';
import { BlobStore } from '../../domain/storage/index.js';
import {
  type Candidate,
  type Created,
  type GenerationEntity,
  generationHeaders,
  publicCostSource,
} from '../../engine/generations/index.js';
import { type Micros, mediaShare, microsToTokens, microsToUsd } from '../../platform/common/index.js';
import { appliedPreferences, type Preferences } from './command.js';
import type { UsageInfo } from './dto/generation-answer.dto.js';

/** Up to this length a body is built in one go. */
const SMALL_BODY_BYTES = 262_144;

/** One slice of base64 at a time: what waits for a slow client is made when it is wanted. */
const STREAM_BUFFER_BYTES = 1;

/** Writes JSON that holds stored files. */
@Injectable()
export class Answers {
  private readonly open: OpenFile;

  constructor(blobs: BlobStore) {
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
}

/** Headers of the answer that creates a generation, or finds the one that it repeats. */
export function createdHeaders(created: Created, now: Date, preferences?: Preferences): Record<string, string> {
  return {
    ...generationHeaders(created, created.remainingMicros),
    ...cacheHeaders(created),
    ...planHeaders(created.candidate, now, preferences),
    ...(created.isReplayed ? { 'idempotent-replayed': 'true' } : {}),
  };
}

/** What the cache did; nothing when nobody asked for it. */
function cacheHeaders({ cache }: Created): Record<string, string> {
  if (cache === undefined) return {};
  const { status, ageMs } = cache;
  return { 'x-litegen-cache': status, ...(ageMs === undefined ? {} : { age: String(Math.floor(ageMs / 1000)) }) };
}

/** Headers of the answer to a request: what was dropped, which preference was heeded, and when the model that was named ends or ended. */
export function planHeaders({ model, retired, plan }: Candidate, now: Date, preferences?: Preferences): Record<string, string> {
  const applied = preferences === undefined ? undefined : appliedPreferences(preferences);
  return {
    ...(retired === undefined ? lifecycleHeaders(model, now) : lifecycleHeaders(retired, now, model)),
    ...(plan.droppedParams.length === 0 ? {} : { 'x-litegen-dropped-params': plan.droppedParams.join(',') }),
    ...(applied === undefined ? {} : { 'preference-applied': applied }),
  };
}

/**
 * What it cost, or, until that is known, what it is expected to cost. Token counts are complete: some clients refuse partial ones.
 * @param remainingMicros null or absent: no budget bounds the request
 */
export function toUsage(
  { usage, costMicros, costSource, quote }: Pick<GenerationEntity, 'usage' | 'costMicros' | 'costSource' | 'quote'>,
  remainingMicros: Micros | null = null,
): UsageInfo {
  const micros = costMicros ?? quote.amountMicros;
  const input = {
    text_tokens: (usage?.input_text_tokens ?? 0) + (usage?.cached_input_text_tokens ?? 0),
    image_tokens: (usage?.input_image_tokens ?? 0) + (usage?.cached_input_image_tokens ?? 0),
  };
  const output = { text_tokens: usage?.output_text_tokens ?? 0, image_tokens: usage?.output_image_tokens ?? 0 };
  const inputTokens = input.text_tokens + input.image_tokens;
  const outputTokens = output.text_tokens + output.image_tokens;
  return {
    cost_usd: microsToUsd(micros),
    tokens: microsToTokens(micros),
    cost_source: publicCostSource(costSource),
    ...(remainingMicros === null ? {} : { budget_remaining_usd: microsToUsd(remainingMicros) }),
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    input_tokens_details: input,
    output_tokens_details: output,
  };
}

/** The usage of one output when the whole was already told with another: the sum over all stays right. */
export const NO_USAGE: UsageInfo = {
  cost_usd: 0,
  tokens: 0,
  cost_source: 'dynamic',
  input_tokens: 0,
  output_tokens: 0,
  total_tokens: 0,
  input_tokens_details: { text_tokens: 0, image_tokens: 0 },
  output_tokens_details: { text_tokens: 0, image_tokens: 0 },
};

/** Nobody can guess it, so no string of a value can be taken for one. */
const MARKER = randomUUID();
const MARKERS = new RegExp(`${MARKER}(\\d+);`);

/** The files of the value that {@link jsonPieces} is just looking at. */
let gathered: FileText[] | undefined;

/** Stands in a value for the base64 text of a stored file; {@link jsonPieces} finds it. */
export class FileText {
  /** @param bytes length of the file, not of its text */
  constructor(
    readonly sha256: string,
    readonly bytes: number,
  ) {}

  /** What `JSON.stringify` puts in its place. */
  toJSON(): unknown {
    return gathered === undefined ? { sha256: this.sha256, bytes: this.bytes } : `${MARKER}${gathered.push(this) - 1};`;
  }

  /** Length of the text, in characters and bytes alike. */
  get characters(): number {
    return 4 * Math.ceil(this.bytes / 3);
  }
}

/** A run of JSON text, or a file whose base64 belongs between two such runs. */
export type JsonPiece = string | FileText;

/** Opens a stored file. */
export type OpenFile = (sha256: string) => AsyncIterable<Uint8Array>;

/** A multiple of three, so that each slice encodes by itself, and small enough for its text to die young. */
const SLICE_BYTES = 49_152;

/** The JSON of a value in which {@link FileText} may stand wherever a string may; no file is read. */
export function jsonPieces(value: unknown): JsonPiece[] {
  const files: FileText[] = [];
  gathered = files;
  const text = stringify(value);
  if (files.length === 0) return [text];
  return text.split(MARKERS).map((part, index) => (index % 2 === 0 ? part : (files[Number(part)] as FileText)));
}

function stringify(value: unknown): string {
  try {
    return JSON.stringify(value);
  } finally {
    gathered = undefined;
  }
}

/** The exact `content-length` of the pieces. */
export function contentLengthOf(pieces: readonly JsonPiece[]): number {
  return pieces.reduce((sum, piece) => sum + (typeof piece === 'string' ? Buffer.byteLength(piece) : piece.characters), 0);
}

/** The pieces as bytes; a file is read while it is asked for, so that memory does not grow with its length. */
export async function* encodePieces(pieces: readonly JsonPiece[], open: OpenFile): AsyncGenerator<Buffer, void> {
  for (const piece of pieces) {
    if (typeof piece === 'string') yield Buffer.from(piece);
    else yield* encodeBase64(open(piece.sha256), piece.bytes);
  }
}

/** @throws Error when the file does not have the announced length: a body that is cut short must not look whole. */
export async function* encodeBase64(file: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Buffer, void> {
  let rest: Buffer = Buffer.alloc(0);
  let seen = 0;
  const order = mediaShare.join();
  for await (const chunk of file) {
    seen += chunk.byteLength;
    const view = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let at = 0;
    if (rest.length > 0) {
      at = Math.min(3 - rest.length, view.length);
      rest = Buffer.concat([rest, view.subarray(0, at)]);
      if (rest.length < 3) continue;
      yield base64Of(rest);
    }
    const end = view.length - ((view.length - at) % 3);
    for (; at < end; at += SLICE_BYTES) {
      await mediaShare.take(order);
      yield base64Of(view.subarray(at, Math.min(at + SLICE_BYTES, end)));
    }
    rest = Buffer.from(view.subarray(end));
  }
  if (seen !== bytes) throw new Error(`A stored file has ${seen} bytes instead of ${bytes}`);
  if (rest.length > 0) yield base64Of(rest);
}

function base64Of(data: Buffer): Buffer {
  return Buffer.from(data.toString('base64'), 'latin1');
}
