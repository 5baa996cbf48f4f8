import type { CallContext, CallEvent, CallWarning, PluginLogger, VendorRequestInit, VendorResponse } from '../context.js';
import { ProviderError } from '../errors.js';
import type { Json, JsonObject } from '../json.js';
import type { PluginSetup } from '../provider.js';
import type { StoredMedia } from '../result.js';
import { egressAllows } from './egress.js';
import { MediaMemory } from './media.js';
import { encodeBody } from './request-body.js';
import { TestResponse } from './response.js';
import { send } from './transport.js';

export interface TestCallOptions {
  readonly secrets?: Readonly<Record<string, string>>;
  readonly options?: JsonObject;
  readonly apiBase?: string;
  readonly idempotencyKey?: string;
  readonly webhookUrl?: string;
  /** Entries as in the manifest. The origin of `apiBase` is always among them. Default: none more. */
  readonly egress?: readonly string[];
  readonly signal?: AbortSignal;
  /** Cap of a response body. Default 64 MiB. */
  readonly maxBytes?: number;
  /** Used where a request names none. Default 120,000. */
  readonly headersTimeoutMs?: number;
  /** Shortens every longer headers timeout, also one that a request names, so that a test need not wait. Default: no cap. */
  readonly maxHeadersTimeoutMs?: number;
  readonly now?: () => Date;
}

/** A request that left, or that the egress list held back. */
export interface RecordedRequest {
  readonly method: string;
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** The body read as UTF-8. */
  readonly text: string;
  readonly submits: boolean;
  /** The body parsed as JSON. */
  json(): Json;
}

export interface RecordedLog {
  readonly level: keyof PluginLogger;
  readonly message: string;
  readonly fields?: JsonObject;
}

/** A `CallContext` for tests: it talks HTTP, keeps stored media in memory, and records all that the plugin did. */
export interface TestCall extends CallContext {
  /** What left, in order. */
  readonly requests: readonly RecordedRequest[];
  /** What the egress list held back. */
  readonly refused: readonly RecordedRequest[];
  readonly warnings: readonly CallWarning[];
  readonly events: readonly CallEvent[];
  readonly logs: readonly RecordedLog[];
  /** The bytes of a file that a response of this call stored. */
  read(stored: StoredMedia): Uint8Array;
  /** Gives the call up, as the gateway would. */
  abort(): void;
}

const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
const DEFAULT_HEADERS_TIMEOUT_MS = 120_000;

function recordingLogger(logs: RecordedLog[]): PluginLogger {
  const at = (level: keyof PluginLogger) => (message: string, fields?: JsonObject) => void logs.push({ level, message, fields });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function record(method: string, url: URL, headers: Record<string, string>, body: Uint8Array, submits: boolean): RecordedRequest {
  const text = Buffer.from(body).toString('utf8');
  return { method, url: url.href, headers, body, text, submits, json: () => JSON.parse(text) as Json };
}

export function createTestCall(options: TestCallOptions = {}): TestCall {
  const memory = new MediaMemory();
  const controller = new AbortController();
  const signal = options.signal === undefined ? controller.signal : AbortSignal.any([options.signal, controller.signal]);
  const secrets = options.secrets ?? {};
  const apiBase = options.apiBase?.replace(/\/+$/, '');
  const egress = [...(options.egress ?? []), '$api_base'];
  const requests: RecordedRequest[] = [];
  const refused: RecordedRequest[] = [];
  const warnings: CallWarning[] = [];
  const events: CallEvent[] = [];
  const logs: RecordedLog[] = [];

  async function fetch(target: string, init: VendorRequestInit = {}): Promise<VendorResponse> {
    if (!URL.canParse(target)) throw new ProviderError('internal', `not a URL: ${target}`);
    const url = new URL(target);
    const body = await encodeBody(init);
    const headers: Record<string, string> = {};
    if (body?.contentType !== undefined) headers['content-type'] = body.contentType;
    for (const [name, value] of Object.entries(init.headers ?? {})) headers[name.toLowerCase()] = value;
    if (body !== undefined) headers['content-length'] = String(body.data.byteLength);
    const method = init.method ?? (body === undefined ? 'GET' : 'POST');
    const submits = init.submits ?? false;
    const recorded = record(method, url, headers, body?.data ?? new Uint8Array(), submits);
    if (!egressAllows(egress, url, apiBase)) {
      refused.push(recorded);
      throw new ProviderError('internal', `${url.origin} is not in the declared egress`);
    }
    if (signal.aborted) throw new ProviderError('timeout', `the call to ${url.host} was given up`);
    requests.push(recorded);
    const wantedTimeoutMs = init.headersTimeoutMs ?? options.headersTimeoutMs ?? DEFAULT_HEADERS_TIMEOUT_MS;
    const headersTimeoutMs = Math.min(wantedTimeoutMs, options.maxHeadersTimeoutMs ?? wantedTimeoutMs);
    const message = await send({ method, url, headers, body: body?.data, headersTimeoutMs, submits, signal });
    return new TestResponse(message, { memory, maxBytes: options.maxBytes ?? DEFAULT_MAX_BYTES, submits, signal });
  }

  return {
    signal,
    fetch,
    secret: (name) => {
      const value = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
      if (value === undefined) throw new ProviderError('authentication_failed', `the secret "${name}" is not configured`);
      return value;
    },
    hasSecret: (name) => Object.hasOwn(secrets, name),
    options: options.options ?? {},
    apiBase,
    idempotencyKey: options.idempotencyKey ?? 'test-attempt-1',
    logger: recordingLogger(logs),
    warn: (warning) => void warnings.push(warning),
    emit: async (event) => void events.push(event),
    webhookUrl: options.webhookUrl,
    now: options.now ?? (() => new Date()),
    requests,
    refused,
    warnings,
    events,
    logs,
    read: (stored) => memory.read(stored),
    abort: () => controller.abort(),
  };
}

/** What `create` gets, for tests. */
export function createTestSetup(providerId: string, options: JsonObject = {}): PluginSetup & { readonly logs: readonly RecordedLog[] } {
  const logs: RecordedLog[] = [];
  return { providerId, options, logger: recordingLogger(logs), logs };
}
