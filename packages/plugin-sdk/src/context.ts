import type { Json, JsonObject } from './json.js';
import type { InputMedia, MediaText } from './request.js';
import type { MediaSource, StoredMedia, UnreadableMedia } from './result.js';

/** A JSON value in which {@link MediaText} may stand wherever a string may. */
export type JsonBody = Json | MediaText | readonly JsonBody[] | { readonly [key: string]: JsonBody | undefined };

export interface MultipartPart {
  readonly name: string;
  /** A text field, or a file that is streamed. */
  readonly value: string | InputMedia | Uint8Array;
  readonly filename?: string;
  readonly contentType?: string;
}

export interface VendorRequestInit {
  /** Default `GET`, or `POST` when there is a body. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  /** At most one of `json`, `multipart`, `body`. */
  readonly json?: JsonBody;
  readonly multipart?: readonly MultipartPart[];
  readonly body?: string | Uint8Array;
  /** Until the response's headers are there. Default: the model's `limits.headers_timeout_seconds`, else all of its deadline. Milliseconds. */
  readonly headersTimeoutMs?: number;
  /**
   * True for the request that makes the vendor start work. A connection that breaks after its first byte then ends as
   * `charged: unknown`, and a refused connection as `charged: no`.
   */
  readonly submits?: boolean;
}

export interface JsonOptions {
  /**
   * Names of keys for base64, at any depth. What they hold is judged by its value: base64 and `data:` URLs are decoded into the
   * gateway's store while the body streams in, and {@link StoredMedia} stands in their place, so a large picture never exists as a
   * string. Links and empty strings are left, and {@link UnreadableMedia} stands where base64 is broken.
   */
  readonly base64Keys?: readonly string[];
  /** Places where a file may stand instead of a link, judged in the same way: `$.images[*]`, `$.data[*].url`, `$..image` at any depth. */
  readonly media?: readonly { readonly path: string }[];
  /** Keys whose integers are kept as text, because a number does not hold all digits of an id or a seed of 64 bits. */
  readonly textKeys?: readonly string[];
}

export interface ServerSentEvent {
  readonly event: string;
  /** The parsed JSON of the `data` lines; a string when it is not JSON (such as `[DONE]`). */
  readonly data: Json | StoredMedia;
}

/** A vendor's answer. Its body can be read once, by one of the methods. Every method enforces the gateway's size caps while streaming. */
export interface VendorResponse {
  readonly status: number;
  readonly ok: boolean;
  /** Names in lower case; repeated headers joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** @throws ProviderError `invalid_response` when the body is not JSON, is cut short or exceeds the cap. */
  json(options?: JsonOptions): Promise<unknown>;
  /** At most 1 MiB, for error bodies. */
  text(): Promise<string>;
  /** Streams the body into the gateway's store. */
  store(): Promise<StoredMedia>;
  /** Server-sent events, with the same treatment of base64 as {@link json}. */
  events(options?: JsonOptions): AsyncIterable<ServerSentEvent>;
}

export interface PluginLogger {
  debug(message: string, fields?: JsonObject): void;
  info(message: string, fields?: JsonObject): void;
  warn(message: string, fields?: JsonObject): void;
  error(message: string, fields?: JsonObject): void;
}

/** An option that the plugin adjusted or could not use; it appears in the caller's receipt. */
export interface CallWarning {
  /** The gateway's name of the field. */
  readonly param: string;
  readonly action: 'mapped' | 'dropped';
  readonly message: string;
}

export type CallEvent =
  | { readonly type: 'progress'; readonly progress: number }
  | { readonly type: 'partial_image'; readonly index: number; readonly media: MediaSource };

/** All that a plugin may touch during a call. */
export interface CallContext {
  /** Aborted when the gateway gives the call up. */
  readonly signal: AbortSignal;
  /**
   * The only way out: the manifest's declared egress (and the operator's `api_base`), guarded against private addresses,
   * capped in size and time, traced. Redirects are not followed.
   * @throws ProviderError `unavailable` or `timeout` when no response came, with `charged` set by {@link VendorRequestInit.submits}.
   */
  fetch(url: string, init?: VendorRequestInit): Promise<VendorResponse>;
  /**
   * A secret of this tenant, by the manifest's name.
   * @throws ProviderError `authentication_failed` when it is not configured.
   */
  secret(name: string): string;
  /** Whether {@link secret} would answer. */
  hasSecret(name: string): boolean;
  /** The operator's `providers.<id>.options`. */
  readonly options: JsonObject;
  /** The operator's `providers.<id>.api_base` without a trailing slash, when set. */
  readonly apiBase?: string;
  /** The same for every try of one attempt, also in another process; send it where the vendor takes one. */
  readonly idempotencyKey: string;
  readonly logger: PluginLogger;
  /** Reports an option adjusted or ignored, so that nothing is dropped silently. */
  warn(warning: CallWarning): void;
  /** Hands over progress or a partial image. Resolves when the gateway has taken it. */
  emit(event: CallEvent): Promise<void>;
  /** Where the vendor may call back for this attempt; set only when the YAML says `webhooks: true` and the gateway has a public address. */
  readonly webhookUrl?: string;
  /** The gateway's clock. */
  now(): Date;
}
