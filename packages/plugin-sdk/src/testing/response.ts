import type { IncomingMessage } from 'node:http';
import type { JsonOptions, ServerSentEvent, VendorResponse } from '../context.js';
import { type Charged, ProviderError } from '../errors.js';
import type { Json } from '../json.js';
import type { StoredMedia } from '../result.js';
import type { MediaMemory } from './media.js';
import { serverSentEvents } from './sse.js';

const MAX_TEXT_BYTES = 1024 * 1024;
const DATA_URL_PREFIX = /^data:[^,]{0,256};base64,/;
/** Whole groups, the last of which may lack its padding. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?|[A-Za-z0-9+/]{4})$/;

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
    return Buffer.concat(parts).toString('utf8');
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
    let parsed: Json;
    try {
      parsed = JSON.parse(text) as Json;
    } catch {
      return text;
    }
    return options.base64Keys === undefined ? parsed : (this.parse(text, options) as Json);
  }

  private parse(text: string, options: JsonOptions): unknown {
    const keys = new Set(options.base64Keys ?? []);
    try {
      return JSON.parse(text, (key, value: unknown) => (keys.has(key) && typeof value === 'string' ? this.decode(key, value) : value));
    } catch (error) {
      throw ProviderError.is(error) ? error : this.broken('its body is not JSON', error);
    }
  }

  private decode(key: string, text: string): StoredMedia {
    const base64 = text.replace(DATA_URL_PREFIX, '').replace(/\s+/g, '');
    if (!BASE64.test(base64)) throw this.broken(`its "${key}" is not base64`);
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
