import { setImmediate as turn } from 'node:timers/promises';
import {
  type CallContext,
  type CallEvent,
  type CallWarning,
  type JsonObject,
  type PluginLogger,
  ProviderError,
  type VendorRequestInit,
  type VendorResponse,
} from '@litegen/plugin-sdk';
import type { Clock } from '../../../platform/common/index.js';
import { EgressError, type EgressPolicy, type EgressService } from '../../../platform/security/index.js';
import type { BlobStore, StoredBlob } from '../../storage/index.js';
import { outsidePlugins } from '../containment.js';
import type { EncodedBody } from './encoded-body.js';
import { requestFailure } from './failures.js';
import { encodeBody } from './request-body.js';
import { HostVendorResponse } from './vendor-response.js';

/** What a provider's calls have in common. */
export interface CallAccount {
  readonly policy: EgressPolicy;
  readonly secrets: ReadonlyMap<string, string>;
  readonly options: JsonObject;
  readonly apiBase?: string;
}

export interface CallServices {
  readonly egress: EgressService;
  readonly store: BlobStore;
  readonly clock: Clock;
  readonly maxOutputBytes: number;
}

/** What is one call's own. */
export interface CallInit {
  readonly signal: AbortSignal;
  readonly idempotencyKey: string;
  readonly webhookUrl?: string;
  /** Used where the plugin names none. */
  readonly headersTimeoutMs: number;
  readonly onWarning?: (warning: CallWarning) => void;
  readonly onEvent?: (event: CallEvent) => Promise<void> | void;
}

/** The host's side of a call. */
export interface HostCall extends CallContext {
  /** What is known of a file that a response of this call stored. */
  storedBlob(sha256: string): StoredBlob | undefined;
  /** Whether anything may have reached the vendor. */
  hasSent(): boolean;
}

const USER_AGENT = 'litegen';

function lowerCase(headers: Readonly<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
}

/** Remembers that an input could not be read, which is not the vendor's fault and leaves the request incomplete. */
async function* watched(data: AsyncIterable<Uint8Array>, onError: (error: unknown) => void): AsyncGenerator<Uint8Array, void> {
  try {
    yield* data;
  } catch (error) {
    onError(error);
    throw error;
  }
}

class Fetcher {
  readonly stored = new Map<string, StoredBlob>();
  /** Requests that may have left. */
  sent = 0;

  constructor(
    private readonly services: CallServices,
    private readonly account: CallAccount,
    private readonly init: CallInit,
  ) {}

  async fetch(url: string, init: VendorRequestInit = {}): Promise<VendorResponse> {
    const { egress, store, maxOutputBytes } = this.services;
    const submits = init.submits ?? false;
    const body = encodeBody(init, store);
    const headersTimeoutMs = init.headersTimeoutMs ?? this.init.headersTimeoutMs;
    let unreadInput: { readonly error: unknown } | undefined;
    const data = Buffer.isBuffer(body?.data) || body === undefined ? body?.data : watched(body.data, (error) => (unreadInput = { error }));
    this.sent += 1;
    try {
      const response = await egress.request(url, {
        policy: this.account.policy,
        method: init.method ?? (body === undefined ? 'GET' : 'POST'),
        headers: this.headers(body, init),
        body: data,
        signal: this.init.signal,
        headersTimeoutMs,
        // A vendor may be silent between events for as long as it may think before the first byte.
        bodyTimeoutMs: headersTimeoutMs,
      });
      return new HostVendorResponse(response, {
        store,
        maxOutputBytes,
        submits,
        signal: this.init.signal,
        onStored: (blob) => this.stored.set(blob.sha256, blob),
      });
    } catch (error) {
      if (error instanceof EgressError && !error.sent) this.sent -= 1;
      if (unreadInput !== undefined) {
        throw new ProviderError('internal', 'an input could not be read from the store', { charged: 'no', cause: unreadInput.error });
      }
      if (error instanceof EgressError) throw requestFailure(error, submits);
      throw error;
    }
  }

  private headers(body: EncodedBody | undefined, init: VendorRequestInit): Record<string, string> {
    return {
      'user-agent': USER_AGENT,
      ...(body?.contentType === undefined ? {} : { 'content-type': body.contentType }),
      ...lowerCase(init.headers),
      ...(body === undefined ? {} : { 'content-length': String(body.bytes) }),
    };
  }
}

/** Builds all that a plugin may touch during one call. */
export function createCallContext(services: CallServices, account: CallAccount, init: CallInit, logger: PluginLogger): HostCall {
  const fetcher = new Fetcher(services, account, init);
  const gate = new EventGate(init.signal, init.onEvent);
  return {
    signal: init.signal,
    // The promise is the plugin's, what it stands for is not.
    fetch: async (url, requestInit) => outsidePlugins(() => fetcher.fetch(url, requestInit)),
    secret: (name) => {
      const value = account.secrets.get(name);
      if (value === undefined) throw new ProviderError('authentication_failed', `the secret "${name}" is not configured`);
      return value;
    },
    hasSecret: (name) => account.secrets.has(name),
    options: account.options,
    ...(account.apiBase === undefined ? {} : { apiBase: account.apiBase }),
    idempotencyKey: init.idempotencyKey,
    logger,
    warn: (warning) => init.onWarning?.(warning),
    emit: async (event) => outsidePlugins(() => gate.take(event)),
    ...(init.webhookUrl === undefined ? {} : { webhookUrl: init.webhookUrl }),
    now: () => services.clock.now(),
    storedBlob: (sha256) => fetcher.stored.get(sha256),
    hasSent: () => fetcher.sent > 0,
  };
}

/** More previews than any vendor sends. */
const MAX_PARTIAL_IMAGES = 64;
/** Previews that wait while one is being fetched. */
const MAX_WAITING = 4;

/**
 * Lets a plugin's events through at a pace that the gateway can bear, however many come: each step of the progress once, previews one after
 * another and not without end, and nothing once the call was given up. Each takes a turn of the event loop, so that others get theirs.
 */
export class EventGate {
  private progress = -1;
  private partials = 0;
  private waiting = 0;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly signal: AbortSignal,
    private readonly onEvent: ((event: CallEvent) => Promise<void> | void) | undefined,
  ) {}

  async take(event: CallEvent): Promise<void> {
    await turn();
    if (this.signal.aborted || this.onEvent === undefined) return;
    if (event.type === 'partial_image') return this.takePartial(event, this.onEvent);
    const progress = Math.floor(event.progress);
    if (!(progress > this.progress)) return;
    this.progress = progress;
    await this.onEvent(event);
  }

  private async takePartial(event: CallEvent, onEvent: (event: CallEvent) => Promise<void> | void): Promise<void> {
    if (this.partials >= MAX_PARTIAL_IMAGES || this.waiting >= MAX_WAITING) return;
    this.partials += 1;
    this.waiting += 1;
    const mine = this.last.then(() => onEvent(event));
    this.last = mine.catch(() => undefined);
    try {
      await mine;
    } finally {
      this.waiting -= 1;
    }
  }
}
