import { setTimeout as delay } from 'node:timers/promises';
import type { CallContext, MediaSource } from '@litegen/plugin-sdk';
import { Inject, Injectable } from '@nestjs/common';
import { ApiError, Clock, mediaShare } from '../../platform/common/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { capped, EgressError, type EgressPolicy, EgressService } from '../../platform/security/index.js';
import { MODALITIES, type Modality } from '../catalog/index.js';
import { BlobStore, probeStored, type StoredBlob } from '../storage/index.js';
import { Base64Decoder } from './call/base64-decoder.js';
import type { HostCall } from './call/index.js';
import { EmptyOutput, failed, MAX_WORDS_BYTES, networkFailure, notTheOutput, OutputFailure, statusFailure } from './call/output-failure.js';
import { UnreadableBody } from './call/unreadable.js';
import { ProviderRegistry } from './provider-registry.js';

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

function isHostCall(call: CallContext | undefined): call is HostCall {
  return call !== undefined && 'storedBlob' in call;
}

/** Brings vendors' outputs into the store. */
@Injectable()
export class MediaDownloader {
  constructor(
    private readonly registry: ProviderRegistry,
    private readonly egress: EgressService,
    private readonly store: BlobStore,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Pick<Config, 'media'>,
  ) {}

  /**
   * @param call the call in which the plugin named the source; it knows the dimensions of files that it stored.
   * @throws OutputFailure, see {@link downloadMedia}.
   */
  fetch(
    providerId: string,
    source: MediaSource,
    modality: Modality,
    call: CallContext | undefined,
    signal: AbortSignal,
  ): Promise<StoredBlob> {
    const provider = this.registry.get(providerId);
    if (provider === undefined) throw new Error(`the provider ${providerId} is not configured`);
    return downloadMedia(source, {
      egress: this.egress,
      store: this.store,
      clock: this.clock,
      policy: provider.transferPolicy,
      modality,
      maxBytes: this.config.media.max_output_bytes,
      signal,
      ...(isHostCall(call) ? { call } : {}),
    });
  }
}

const SLICE_LENGTH = 64 * 1024;
type UrlSource = Extract<MediaSource, { kind: 'url' }>;

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

/** Their size stands where it is always found. Of others, such as SVG, HEIC or JPEG XL, it may be missing. */
const SIZED = new Set(['image/png', 'image/apng', 'image/jpeg', 'image/webp', 'image/gif', 'image/bmp']);
/** Behind metadata that is longer, a JPEG's size is not looked for. */
const MOST_JPEG_METADATA_BYTES = 1_048_576;
const TIMED = new Set(['video/mp4', 'video/quicktime', 'video/webm', 'video/matroska']);

/**
 * Why a file is not what was asked for, judged by its bytes alone; undefined when it is. A moving picture (GIF, APNG, animated WebP) also
 * counts as a video.
 */
function faultOf(blob: StoredBlob, modality: Modality): string | undefined {
  const { files } = MODALITIES[modality];
  if (files === null) return 'no file was asked for';
  const { contentType, bytes, width, durationMs, cutShort, animated } = blob;
  if (bytes === 0) return 'it is empty';
  const isMoving = contentType === 'image/gif' || animated === true;
  const isOfKind = contentType.startsWith(files.contentTypePrefix) || (files.acceptsMovingImages && isMoving);
  if (!isOfKind) return `it is no ${modality} (${contentType})`;
  if (cutShort === true) return 'it is cut short';
  const isDeep = contentType === 'image/jpeg' && bytes > MOST_JPEG_METADATA_BYTES;
  if (SIZED.has(contentType) && width === undefined && !isDeep) return 'its size cannot be read';
  if (TIMED.has(contentType) && width === undefined && durationMs === undefined) return 'neither its size nor its duration can be read';
  return undefined;
}
