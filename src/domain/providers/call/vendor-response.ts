import {
  type Charged,
  type JsonOptions,
  mediaPlaces,
  parseJson,
  type ServerSentEvent,
  type StoredMedia,
  type VendorResponse,
} from '@litegen/plugin-sdk';
import { capped, type EgressResponse } from '../../../platform/security/index.js';
import type { BlobStore, StoredBlob } from '../../storage/index.js';
import { EventStream } from './event-stream.js';
import { bodyFailure } from './failures.js';
import { JsonTap, type JsonTapOptions, MAX_JSON_TEXT_BYTES, toStoredMedia } from './json-tap.js';
import { UnreadableBody } from './unreadable.js';

const MAX_TEXT_BYTES = 1024 * 1024;

export interface VendorResponseOptions {
  readonly store: BlobStore;
  readonly maxOutputBytes: number;
  readonly submits: boolean;
  /** Of the call; so long what the vendor delivers waits for a store that is away. */
  readonly signal: AbortSignal;
  /** Told of every file that this response stored. */
  readonly onStored: (blob: StoredBlob) => void;
}

/** A plugin that looks at the status alone leaves the body unread; its connection is given up with the response. */
const unread = new FinalizationRegistry<{ destroy(): void }>((body) => body.destroy());

export class HostVendorResponse implements VendorResponse {
  readonly status: number;
  readonly ok: boolean;
  readonly headers: Readonly<Record<string, string>>;
  private used = false;

  constructor(
    private readonly response: EgressResponse,
    private readonly options: VendorResponseOptions,
  ) {
    this.status = response.status;
    this.ok = response.status >= 200 && response.status < 300;
    this.headers = response.headers;
    const { gathered } = response;
    if (gathered?.isComplete !== true) unread.register(this, gathered ?? response.body, this);
  }

  async json(options: JsonOptions = {}): Promise<unknown> {
    const { gathered } = this.response;
    this.begin();
    const tap = new JsonTap(this.tapOptions(options));
    try {
      if (gathered !== undefined) await tap.write(await gathered.all());
      else for await (const chunk of this.chunks(this.encodedCap())) await tap.write(asBuffer(chunk));
      return parsed(await tap.finish(), options.textKeys);
    } catch (error) {
      await tap.abort();
      throw this.failure(error);
    }
  }

  async text(): Promise<string> {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    const body = this.body(Number.POSITIVE_INFINITY);
    try {
      for await (const chunk of body) {
        parts.push(chunk.subarray(0, MAX_TEXT_BYTES - bytes));
        bytes += chunk.byteLength;
        if (bytes >= MAX_TEXT_BYTES) break;
      }
    } catch (error) {
      throw this.failure(error);
    }
    // As `fetch` decodes it: without a byte-order mark.
    return new TextDecoder().decode(Buffer.concat(parts));
  }

  async store(): Promise<StoredMedia> {
    const { store, maxOutputBytes, onStored, signal } = this.options;
    const body = this.body(maxOutputBytes);
    const writer = await store.createWriter(maxOutputBytes, signal);
    try {
      for await (const chunk of body) {
        await writer.write(chunk);
      }
      const blob = await writer.finish();
      onStored(blob);
      return toStoredMedia(blob);
    } catch (error) {
      await writer.abort();
      throw this.failure(error);
    }
  }

  async *events(options: JsonOptions = {}): AsyncIterable<ServerSentEvent> {
    const body = this.body(this.encodedCap());
    try {
      yield* new EventStream({ ...this.tapOptions(options), textKeys: options.textKeys }).read(body);
    } catch (error) {
      throw this.failure(error);
    }
  }

  private tapOptions(options: JsonOptions): JsonTapOptions {
    const { store, maxOutputBytes, onStored, signal } = this.options;
    return { places: mediaPlaces(options), openWriter: () => store.createWriter(maxOutputBytes, signal), onStored };
  }

  /** Base64 takes four characters for three bytes. */
  private encodedCap(): number {
    return Math.ceil(this.options.maxOutputBytes / 3) * 4 + MAX_JSON_TEXT_BYTES;
  }

  private body(maxBytes: number): AsyncIterable<Uint8Array> {
    this.begin();
    return this.chunks(maxBytes);
  }

  private begin(): void {
    if (this.used) throw new Error('the body of a response can be read only once');
    this.used = true;
    // Else the registry would keep the body and all that hangs on it until the next major collection.
    unread.unregister(this);
  }

  private async *chunks(maxBytes: number): AsyncGenerator<Uint8Array, void> {
    try {
      yield* capped(this.response.body, maxBytes);
    } finally {
      this.response.body.destroy();
    }
  }

  private failure(error: unknown): unknown {
    // A refusal (4xx) is no work that could be billed, however its body ends.
    const refused = this.status >= 400 && this.status < 500;
    const charged: Charged = this.options.submits && !refused ? 'unknown' : 'no';
    return bodyFailure(error, this.status, charged);
  }
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

function parsed(text: string, textKeys: readonly string[] | undefined): unknown {
  try {
    return parseJson(text, textKeys);
  } catch (error) {
    throw new UnreadableBody('its body is not JSON', error);
  }
}
