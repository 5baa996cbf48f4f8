import { Inject, Injectable } from '@nestjs/common';
import { ApiError } from '../../platform/common/index.js';
import { CONFIG, type Config, recognizeOwn } from '../../platform/config/index.js';
import { AssetsRepository } from './assets.repository.js';
import { decodeBase64, isDataUrl } from './base64-source.js';
import { BlobStore, type HeldBlob, type StoredBlob } from './blob-store.js';
import { FILES_PATH, LinkSigner } from './links.js';
import { SNIFF_BYTES, sniffContentType } from './media-probe.js';
import { ReferenceFetcher } from './reference-fetcher.port.js';
import { ByteReader, invalidReference, PictureGuard, SANITIZERS } from './sanitize/index.js';

/** How a caller hands over a reference. */
export type ReferenceSource =
  /** Also a `data:` URL. */
  | { readonly kind: 'url'; readonly url: string }
  /** In either alphabet, padded or not, in lines or not; also as a `data:` URL. */
  | { readonly kind: 'base64'; readonly value: string }
  /** A file of a multipart form. It is read to its end, unless ingestion fails. */
  | { readonly kind: 'stream'; readonly body: AsyncIterable<Uint8Array> };

export interface IngestLimits {
  /** At most and by default `media.max_reference_bytes`. */
  readonly maxBytes?: number;
  /** Whether an MP4 will do as well as a picture. Default false. */
  readonly allowVideo?: boolean;
  /** The field's path, for the error: `reference_images[0].value`. */
  readonly param?: string;
  readonly signal?: AbortSignal;
}

export interface IngestedReference {
  readonly blob: StoredBlob;
  /** The http(s) URL that the caller named. */
  readonly sourceUrl?: string;
}

/** Media that is whole and checked, and not in the store: whoever asked for it may yet be refused. */
export type HeldReference = HeldBlob;

/**
 * Takes in callers' reference media: fetched or decoded while streaming, told by its magic bytes alone, held against the caps by
 * its headers before anybody decodes it, and stored without Exif, places and the like.
 */
@Injectable()
export class ReferenceIngestion {
  constructor(
    private readonly store: BlobStore,
    private readonly fetcher: ReferenceFetcher,
    private readonly links: LinkSigner,
    private readonly assets: AssetsRepository,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * @throws ApiError `url_blocked`, `reference_fetch_failed`, `reference_too_large`, `reference_invalid`, `link_invalid` for a
   * link to the gateway's own file that has expired, `storage_unavailable`; the signal's reason once it is aborted.
   */
  async ingest(source: ReferenceSource, limits: IngestLimits = {}): Promise<IngestedReference> {
    const held = await this.receive(source, limits);
    await held.keep();
    const { blob } = held;
    return source.kind === 'url' && !isDataUrl(source.url) ? { blob, sourceUrl: source.url } : { blob };
  }

  /** As {@link ingest}, but not into the store yet. Its taker keeps or discards it. */
  async receive(source: ReferenceSource, limits: IngestLimits = {}): Promise<HeldReference> {
    const maxBytes = Math.min(limits.maxBytes ?? Number.POSITIVE_INFINITY, this.config.media.max_reference_bytes);
    try {
      return await this.take(await this.open(source, maxBytes, limits.signal), maxBytes, limits);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const code = error.code === 'body_too_large' ? 'reference_too_large' : error.code;
      throw new ApiError(code, error.message, { ...error.details, param: error.details.param ?? limits.param });
    }
  }

  private async open(source: ReferenceSource, maxBytes: number, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    if (source.kind === 'stream') return source.body;
    if (source.kind === 'base64') return decodeBase64(source.value);
    if (isDataUrl(source.url)) return decodeBase64(source.url);
    return (await this.openOwn(source.url)) ?? (await this.fetcher.fetch(source.url, { maxBytes, signal })).body;
  }

  /** A link to a file of this gateway needs no network, and works where the gateway's own address is a private one. */
  private async openOwn(url: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    const target = URL.canParse(url) ? new URL(url) : undefined;
    if (target === undefined) return undefined;
    const { path, isPublic } = recognizeOwn(this.config.server, target);
    if (!path.startsWith(`${FILES_PATH}/`)) return undefined;
    const id = path.slice(FILES_PATH.length + 1);
    try {
      this.links.verify(id, Object.fromEntries(target.searchParams));
    } catch (error) {
      if (isPublic) throw error;
      return undefined;
    }
    const asset = await this.assets.find(id);
    if (asset === null) throw new ApiError('reference_fetch_failed', `There is no file ${id} any more.`);
    return this.store.read(asset.sha256);
  }

  private async take(source: AsyncIterable<Uint8Array>, maxBytes: number, limits: IngestLimits): Promise<HeldBlob> {
    const reader = new ByteReader(counted(source, maxBytes, limits.signal));
    try {
      await reader.fill(SNIFF_BYTES);
      const contentType = await sniffContentType(reader.window);
      const sanitizer = SANITIZERS[contentType];
      if (sanitizer === undefined || (contentType.startsWith('video/') && limits.allowVideo !== true)) {
        const wanted = limits.allowVideo === true ? 'a picture or an MP4 video' : 'a picture';
        throw invalidReference(`The file is not ${wanted} of a kind that is taken (found ${contentType}).`);
      }
      const writer = await this.store.createWriter(maxBytes);
      let held: HeldBlob | undefined;
      try {
        for await (const chunk of sanitizer(reader, new PictureGuard(this.config.media.max_pixels))) await writer.write(chunk);
        // A form's next field comes only after this one was read to its end.
        for await (const _trailer of reader.rest());
        held = await writer.hold();
        if (held.blob.cutShort !== true) return held;
        await held.discard();
        throw invalidReference('The file ends too early: the rest of its picture is missing.');
      } finally {
        if (held === undefined) await writer.abort();
      }
    } finally {
      await reader.close();
    }
  }
}

async function* counted(source: AsyncIterable<Uint8Array>, maxBytes: number, signal?: AbortSignal): AsyncGenerator<Uint8Array, void> {
  let bytes = 0;
  for await (const chunk of source) {
    signal?.throwIfAborted();
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new ApiError('reference_too_large', `The file is larger than ${maxBytes} bytes.`);
    yield chunk;
  }
}
