import { setTimeout as delay } from 'node:timers/promises';
import { type MediaSource, ProviderError } from '@litegen/plugin-sdk';
import { ApiError, mediaShare } from '../../common/index.js';
import { capped, EgressError, type EgressPolicy, type EgressService } from '../../security/index.js';
import type { BlobStore, StoredBlob } from '../../storage/index.js';
import { Base64Decoder } from './base64-decoder.js';
import type { HostCall } from './call-context.js';
import { UnreadableBody } from './unreadable.js';

export interface DownloadOptions {
  readonly egress: EgressService;
  readonly store: BlobStore;
  /** The provider's: an output may come from its declared egress only. */
  readonly policy: EgressPolicy;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** The call in which the plugin named the source, for what it knows of stored files. */
  readonly call?: Pick<HostCall, 'storedBlob'>;
}

/** Waits before the second and the third try, in milliseconds. */
const RETRY_DELAYS_MS = [500, 2_000];
const HEADERS_TIMEOUT_MS = 60_000;
const SLICE_LENGTH = 64 * 1024;

type UrlSource = Extract<MediaSource, { kind: 'url' }>;

/** Worth another try: a GET does nothing, and the file is already paid for. */
class Transient extends Error {
  constructor(readonly failure: ProviderError) {
    super(failure.message);
  }
}

// The vendor made the output, so whatever goes wrong with fetching it does not make it free.
const failed = (code: ProviderError['code'], message: string, vendorStatus?: number, cause?: unknown): ProviderError =>
  new ProviderError(code, message, { charged: 'yes', vendorStatus, cause });

async function store(options: DownloadOptions, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<StoredBlob> {
  const writer = await options.store.createWriter(options.maxBytes);
  try {
    let bytes = 0;
    for await (const chunk of chunks) {
      bytes += chunk.byteLength;
      await writer.write(chunk);
    }
    if (bytes === 0) throw failed('invalid_response', 'the output is empty');
    return await writer.finish();
  } catch (error) {
    await writer.abort();
    if (error instanceof ApiError && error.code === 'body_too_large') {
      throw failed('invalid_response', `the output exceeds ${options.maxBytes} bytes`, undefined, error);
    }
    throw error;
  }
}

function statusFailure(status: number, host: string): ProviderError | Transient {
  if (status === 403 || status === 404 || status === 410) {
    return failed('output_expired', `${host} does not have the output any more (${status})`, status);
  }
  const failure = failed('unavailable', `${host} answered ${status} instead of the output`, status);
  return status === 429 || status === 408 || status >= 500 ? new Transient(failure) : failure;
}

function networkFailure(error: EgressError): ProviderError | Transient {
  switch (error.kind) {
    case 'blocked':
      return failed('invalid_response', `the output's address is refused: ${error.message}`, undefined, error);
    case 'too_large':
      return failed('invalid_response', error.message, undefined, error);
    case 'aborted':
      return failed('timeout', error.message, undefined, error);
    default:
      return new Transient(failed(error.kind.endsWith('timeout') ? 'timeout' : 'unavailable', error.message, undefined, error));
  }
}

async function downloadOnce(source: UrlSource, options: DownloadOptions): Promise<StoredBlob> {
  try {
    const { policy, signal, maxBytes } = options;
    const response = await options.egress.request(source.url, {
      policy,
      signal,
      headers: { 'user-agent': 'litegen', ...source.headers },
      headersTimeoutMs: HEADERS_TIMEOUT_MS,
      followRedirects: 3,
    });
    try {
      if (response.status !== 200) throw statusFailure(response.status, new URL(response.url).host);
      return await store(options, capped(response.body, maxBytes));
    } finally {
      response.body.destroy();
    }
  } catch (error) {
    throw error instanceof EgressError ? networkFailure(error) : error;
  }
}

async function download(source: UrlSource, options: DownloadOptions): Promise<StoredBlob> {
  for (const waitMs of [...RETRY_DELAYS_MS, undefined]) {
    try {
      return await downloadOnce(source, options);
    } catch (error) {
      if (!(error instanceof Transient)) throw error;
      if (waitMs === undefined || options.signal.aborted) throw error.failure;
      await delay(waitMs, undefined, { signal: options.signal }).catch(() => {
        throw error.failure;
      });
    }
  }
  throw new Error('unreachable: the last try returns or throws');
}

async function* slicesOf(data: Uint8Array): AsyncGenerator<Uint8Array, void> {
  for await (const at of inTurns(data.byteLength)) yield data.subarray(at, at + SLICE_LENGTH);
}

/** Where slices begin, each when its turn has come. */
async function* inTurns(length: number): AsyncGenerator<number, void> {
  const order = mediaShare.join();
  for (let at = 0; at < length; at += SLICE_LENGTH) {
    await mediaShare.take(order);
    yield at;
  }
}

async function* decodeDataUrl(url: string): AsyncGenerator<Uint8Array, void> {
  const decoder = new Base64Decoder();
  try {
    for await (const at of inTurns(url.length)) yield decoder.push(Buffer.from(url.slice(at, at + SLICE_LENGTH)));
    yield decoder.finish();
  } catch (error) {
    throw error instanceof UnreadableBody
      ? failed('invalid_response', 'the output is a data URL that cannot be read', undefined, error)
      : error;
  }
}

async function alreadyStored(source: Extract<MediaSource, { sha256: string }>, options: DownloadOptions): Promise<StoredBlob> {
  const known = options.call?.storedBlob(source.sha256);
  if (known !== undefined) return known;
  // Stored by an earlier call, whose result was kept.
  if (!(await options.store.has(source.sha256))) throw failed('internal', 'a stored output is not in the store any more');
  const { sha256, bytes, contentType } = source;
  return { sha256, bytes, contentType };
}

/**
 * Brings an output into the store, wherever its bytes are. Links are fetched from the provider's declared egress, their
 * redirects within it, their headers to the first origin only, in up to three tries.
 * @throws ProviderError `output_expired` when the link has run out, `invalid_response` when it leads elsewhere, or the file is
 * empty or too large; `unavailable` or `timeout` when the tries are used up. ApiError `storage_unavailable`.
 */
export async function downloadMedia(source: MediaSource, options: DownloadOptions): Promise<StoredBlob> {
  switch (source.kind) {
    case 'litegen.stored-media':
      return alreadyStored(source, options);
    case 'bytes':
      return store(options, slicesOf(source.data));
    case 'url':
      if (/^data:/i.test(source.url)) return store(options, decodeDataUrl(source.url));
      return download(source, options);
  }
}
