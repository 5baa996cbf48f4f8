import { setTimeout as delay } from 'node:timers/promises';
import {
  type Charged,
  declaredError,
  type MediaSource,
  meaningOf,
  ProviderError,
  type ProviderErrorCode,
  parseJson,
  retryAfterMs,
} from '@litegen/plugin-sdk';
import { ApiError, type Clock, mediaShare } from '../../../platform/common/index.js';
import { capped, EgressError, type EgressPolicy, type EgressResponse, type EgressService } from '../../../platform/security/index.js';
import type { Modality } from '../../catalog/index.js';
import { type BlobStore, probeStored, type StoredBlob } from '../../storage/index.js';
import { Base64Decoder } from './base64-decoder.js';
import type { HostCall } from './call-context.js';
import { faultOf, OutputFailure, type OutputRetry } from './output-check.js';
import { UnreadableBody } from './unreadable.js';

export interface DownloadOptions {
  readonly egress: EgressService;
  readonly store: BlobStore;
  readonly clock: Clock;
  /** The provider's: an output may come from its declared egress only. */
  readonly policy: EgressPolicy;
  /** What was asked for. */
  readonly modality: Modality;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** The call in which the plugin named the source, for what it knows of stored files. */
  readonly call?: Pick<HostCall, 'storedBlob'>;
}

/** Waits before the second and the third try, in milliseconds. */
export const RETRY_DELAYS_MS: readonly number[] = [500, 2_000];
const HEADERS_TIMEOUT_MS = 60_000;
const SLICE_LENGTH = 64 * 1024;
/** Of what came instead of a file, to read the vendor's words in. */
const MAX_WORDS_BYTES = 16 * 1024;
/** A host that is not ready yet answers so. */
const MISSING = new Set([403, 404, 410]);
const PASSING = new Set([408, 429]);

type UrlSource = Extract<MediaSource, { kind: 'url' }>;

interface FailureFacts {
  readonly charged?: Charged;
  readonly vendorStatus?: number;
  readonly vendorCode?: string;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

// The vendor said that it made the output, so whatever goes wrong with fetching it does not make it free.
function failed(retry: OutputRetry, code: ProviderErrorCode, message: string, facts: FailureFacts = {}): OutputFailure {
  return new OutputFailure(new ProviderError(code, message, { charged: 'yes', ...facts }), retry);
}

/** A host that has nothing more to give after three tries keeps nobody waiting. */
class EmptyOutput extends OutputFailure {
  constructor() {
    super(new ProviderError('invalid_response', 'the output is empty', { charged: 'unknown' }), 'briefly');
  }
}

/** Takes a file into the store if it is what was asked for. */
async function store(options: DownloadOptions, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<StoredBlob> {
  const writer = await options.store.createWriter(options.maxBytes, options.signal);
  const beginning: Buffer[] = [];
  try {
    let bytes = 0;
    for await (const chunk of chunks) {
      if (bytes < MAX_WORDS_BYTES) beginning.push(Buffer.from(chunk.subarray(0, MAX_WORDS_BYTES - bytes)));
      bytes += chunk.byteLength;
      await writer.write(chunk);
    }
    if (bytes === 0) throw new EmptyOutput();
    const held = await writer.hold();
    const fault = faultOf(held.blob, options.modality);
    if (fault !== undefined) throw notTheOutput(fault, Buffer.concat(beginning).toString('utf8'));
    await held.keep();
    return held.blob;
  } catch (error) {
    await writer.abort();
    if (error instanceof ApiError && error.code === 'body_too_large') {
      throw failed('never', 'invalid_response', `the output exceeds ${options.maxBytes} bytes`, { cause: error });
    }
    throw error;
  }
}

/** Whether the vendor bills for what it did not deliver is not known. An error in its place means what it means, whatever its status was. */
function notTheOutput(fault: string, beginning: string, vendorStatus?: number): OutputFailure {
  const words = wordsIn(beginning);
  if (words === undefined)
    return failed('briefly', 'invalid_response', `the output is not usable: ${fault}`, { charged: 'unknown', vendorStatus });
  const code = meaningOf(words, 0) ?? 'invalid_response';
  const message = words.message ?? `the output is an error: ${words.code ?? words.type}`;
  return failed(code === 'content_rejected' ? 'never' : 'briefly', code, message, {
    charged: 'unknown',
    vendorStatus,
    vendorCode: words.code ?? words.type,
  });
}

function wordsIn(text: string): ReturnType<typeof declaredError> {
  try {
    return declaredError(parseJson(text));
  } catch {
    return undefined;
  }
}

async function statusFailure(response: EgressResponse, now: Date): Promise<OutputFailure> {
  const { status, headers } = response;
  const { host } = new URL(response.url);
  const facts = { vendorStatus: status, retryAfterMs: retryAfterMs(headers, now) };
  if (PASSING.has(status) || status >= 500)
    return failed('until_deadline', 'unavailable', `${host} answered ${status} instead of the output`, facts);
  const words = wordsIn(await beginningOf(response));
  if (words !== undefined && meaningOf(words, 0) === 'content_rejected') return notTheOutput('', JSON.stringify({ error: words }), status);
  const said = words?.message === undefined ? '' : `: ${words.message}`;
  if (MISSING.has(status)) return failed('briefly', 'output_expired', `${host} does not have the output (${status})${said}`, facts);
  return failed('briefly', 'unavailable', `${host} answered ${status} instead of the output${said}`, facts);
}

async function beginningOf({ body }: EgressResponse): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      parts.push(chunk.subarray(0, MAX_WORDS_BYTES - bytes));
      bytes += chunk.length;
      if (bytes >= MAX_WORDS_BYTES) break;
    }
  } catch {
    // The status says enough.
  }
  return Buffer.concat(parts).toString('utf8');
}

function networkFailure(error: EgressError): OutputFailure {
  const facts = { cause: error };
  switch (error.kind) {
    case 'blocked':
      return failed('never', 'invalid_response', `the output's address is refused: ${error.message}`, facts);
    case 'too_large':
      return failed('never', 'invalid_response', error.message.replace(/^the response/, 'the output'), facts);
    case 'headers_timeout':
    case 'body_timeout':
    case 'total_timeout':
    case 'aborted':
      return failed('until_deadline', 'timeout', error.message, facts);
    default:
      return failed('until_deadline', 'unavailable', error.message, facts);
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
      if (response.status !== 200) throw await statusFailure(response, options.clock.now());
      return await store(options, readable(capped(response.body, maxBytes)));
    } finally {
      response.body.destroy();
    }
  } catch (error) {
    throw error instanceof EgressError ? networkFailure(error) : error;
  }
}

/** A body that breaks its own encoding is one that was cut short. */
async function* readable(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  try {
    yield* chunks;
  } catch (error) {
    throw error instanceof EgressError ? error : failed('briefly', 'invalid_response', 'the output cannot be decoded', { cause: error });
  }
}

/** In up to three tries: a GET does nothing, and the file is already paid for. */
async function download(source: UrlSource, options: DownloadOptions): Promise<StoredBlob> {
  for (const waitMs of [...RETRY_DELAYS_MS, undefined]) {
    try {
      return await downloadOnce(source, options);
    } catch (error) {
      if (!(error instanceof OutputFailure) || error.retry === 'never') throw error;
      if (waitMs === undefined && error instanceof EmptyOutput) throw new OutputFailure(error.failure, 'never');
      if (waitMs === undefined || options.signal.aborted) throw error;
      await delay(waitMs, undefined, { signal: options.signal }).catch(() => {
        throw error;
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
    if (!(error instanceof UnreadableBody)) throw error;
    throw failed('never', 'invalid_response', 'the output is a data URL that cannot be read', { charged: 'unknown', cause: error });
  }
}

async function alreadyStored(source: Extract<MediaSource, { sha256: string }>, options: DownloadOptions): Promise<StoredBlob> {
  const blob = options.call?.storedBlob(source.sha256) ?? (await storedEarlier(source, options));
  const fault = faultOf(blob, options.modality);
  if (fault === undefined) return blob;
  throw notTheOutput(fault, await smallText(blob, options.store));
}

/** Stored by an earlier call, whose result was kept. */
async function storedEarlier({ sha256, bytes }: Pick<StoredBlob, 'sha256' | 'bytes'>, options: DownloadOptions): Promise<StoredBlob> {
  if (!(await options.store.has(sha256))) throw failed('never', 'internal', 'a stored output is not in the store any more');
  return { sha256, bytes, ...(await probeStored(options.store, { sha256, bytes })) };
}

async function smallText({ sha256, bytes }: StoredBlob, store: BlobStore): Promise<string> {
  return bytes > MAX_WORDS_BYTES ? '' : (await store.readAll(sha256)).toString('utf8');
}

/** There is no other place to ask for what came with the answer. */
async function once(file: Promise<StoredBlob>): Promise<StoredBlob> {
  try {
    return await file;
  } catch (error) {
    throw error instanceof OutputFailure ? new OutputFailure(error.failure, 'never') : error;
  }
}

/**
 * Brings an output into the store, wherever its bytes are, if they are the image or the video that was asked for. Links are fetched from
 * the provider's declared egress, their redirects within it, their headers to the first origin only, in up to three tries.
 * @throws OutputFailure `output_expired` when the link leads to nothing, `invalid_response` when it leads elsewhere or to something else,
 * or the file is too large; what an error in its place means; `unavailable` or `timeout` when the tries are used up.
 * ApiError `storage_unavailable`.
 */
export async function downloadMedia(source: MediaSource, options: DownloadOptions): Promise<StoredBlob> {
  switch (source.kind) {
    case 'litegen.stored-media':
      return once(alreadyStored(source, options));
    case 'bytes':
      return once(store(options, slicesOf(source.data)));
    case 'url':
      if (/^data:/i.test(source.url)) return once(store(options, decodeDataUrl(source.url)));
      return download(source, options);
  }
}
