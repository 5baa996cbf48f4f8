import type { IncomingMessage } from 'node:http';
import { parseJson } from '../answers/json-text.js';
import { beginsMedia, MEDIA_HEAD_LENGTH, type MediaPlaces, mediaPlaces, unreadableMedia } from '../answers/media-values.js';
import type { JsonOptions, ServerSentEvent, VendorResponse } from '../context.js';
import { type Charged, ProviderError } from '../errors.js';
import type { Json } from '../json.js';
import type { StoredMedia, UnreadableMedia } from '../result.js';
import type { MediaMemory } from './media.js';
import { serverSentEvents } from './sse.js';

const MAX_TEXT_BYTES = 1024 * 1024;
const DATA_URL_PREFIX = /^\s*data:[^,]{0,256};\s*base64\s*,/i;
/** Whole groups, the last of which may lack its padding. */
const BASE64 = /^(?:[A-Za-z0-9+/_-]{4})*(?:[A-Za-z0-9+/_-]{2}(?:==)?|[A-Za-z0-9+/_-]{3}=?|[A-Za-z0-9+/_-]{4})$/;

export interface ResponseOptions {
  readonly memory: MediaMemory;
  readonly maxBytes: number;
  readonly submits: boolean;
  readonly signal: AbortSignal;
}

function lowerCaseHeaders(message: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, values] of Object.entries(message.headersDistinct)) headers[name] = (values ?? []).join(', ');
  return headers;
}

export class TestResponse implements VendorResponse {
  readonly status: number;
  readonly ok: boolean;
  readonly headers: Readonly<Record<string, string>>;
  private used = false;

  constructor(
    private readonly message: IncomingMessage,
    private readonly options: ResponseOptions,
  ) {
    this.status = message.statusCode ?? 0;
    this.ok = this.status >= 200 && this.status < 300;
    this.headers = lowerCaseHeaders(message);
    // An unread body may break at any time; the error belongs to whoever reads it.
    message.on('error', () => undefined);
    const abort = (): void => void message.destroy(new Error('given up'));
    options.signal.addEventListener('abort', abort, { once: true });
    message.once('close', () => options.signal.removeEventListener('abort', abort));
  }

  async json(options: JsonOptions = {}): Promise<unknown> {
    const text = (await this.readAll()).toString('utf8');
    return this.parse(text, options);
  }

  async text(): Promise<string> {
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of this.chunks(Number.POSITIVE_INFINITY)) {
      parts.push(chunk.subarray(0, MAX_TEXT_BYTES - bytes));
      bytes += chunk.length;
      if (bytes >= MAX_TEXT_BYTES) break;
    }
    return new TextDecoder().decode(Buffer.concat(parts));
  }

  async store(): Promise<StoredMedia> {
    return this.options.memory.put(new Uint8Array(await this.readAll()));
  }

  async *events(options: JsonOptions = {}): AsyncIterable<ServerSentEvent> {
    for await (const { event, data } of serverSentEvents(this.chunks(this.options.maxBytes))) {
      yield { event, data: this.eventData(data, options) };
    }
  }

  private eventData(text: string, options: JsonOptions): Json {
    try {
      return this.stored(parseJson(text, options.textKeys), options) as Json;
    } catch {
      return text;
    }
  }

  private parse(text: string, options: JsonOptions): unknown {
    let parsed: unknown;
    try {
      parsed = parseJson(text, options.textKeys);
    } catch (error) {
      throw this.broken('its body is not JSON', error);
    }
    return this.stored(parsed, options);
  }

  private stored(value: unknown, options: JsonOptions): unknown {
    const places = mediaPlaces(options);
    return places === undefined ? value : this.withStored(value, [], places);
  }

  private withStored(value: unknown, path: readonly string[], places: MediaPlaces): unknown {
    if (Array.isArray(value)) return value.map((item: unknown) => this.withStored(item, [...path, '*'], places));
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.withStored(item, [...path, key], places)]));
    }
    const place = typeof value === 'string' ? places(path) : undefined;
    if (typeof value !== 'string' || place === undefined) return value;
    const isMedia = beginsMedia(value.slice(0, MEDIA_HEAD_LENGTH), place, value.length <= MEDIA_HEAD_LENGTH);
    return isMedia ? this.decode(value) : value;
  }

  private decode(text: string): StoredMedia | UnreadableMedia {
    const base64 = text.replace(DATA_URL_PREFIX, '').replace(/\s+/g, '');
    if (!BASE64.test(base64)) return unreadableMedia('a media value is not base64');
    return this.options.memory.put(new Uint8Array(Buffer.from(base64, 'base64')));
  }

  private async readAll(): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const chunk of this.chunks(this.options.maxBytes)) parts.push(chunk);
    return Buffer.concat(parts);
  }

  private async *chunks(maxBytes: number): AsyncGenerator<Buffer, void> {
    if (this.used) throw new Error('the body of a response can be read only once');
    this.used = true;
    let bytes = 0;
    try {
      for await (const chunk of this.message as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > maxBytes) throw this.broken(`its body exceeds ${maxBytes} bytes`);
        yield chunk;
      }
    } catch (error) {
      if (ProviderError.is(error)) throw error;
      if (this.options.signal.aborted) {
        throw new ProviderError('timeout', 'the call was given up', { charged: this.charged(), cause: error });
      }
      throw this.broken('its body was cut short', error);
    } finally {
      this.message.destroy();
    }
  }

  private charged(): Charged {
    const refused = this.status >= 400 && this.status < 500;
    return this.options.submits && !refused ? 'unknown' : 'no';
  }

  private broken(what: string, cause?: unknown): ProviderError {
    const message = `the vendor answered ${this.status}, but ${what}`;
    return new ProviderError('invalid_response', message, { charged: this.charged(), vendorStatus: this.status, cause });
  }
}
