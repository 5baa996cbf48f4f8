import type { Readable } from 'node:stream';
import { RecentFiles } from './recent-files.js';

/** What the first bytes of a file say about it; nothing here is taken from a sender's word. */
export interface MediaFacts {
  /** From the magic bytes; `application/octet-stream` when they say nothing. */
  readonly contentType: string;
  /** Pixels as displayed, for images and MP4 videos whose header says so. */
  readonly width?: number;
  readonly height?: number;
  /** For MP4 videos whose header says so. */
  readonly durationMs?: number;
}

/** A file in the content-addressed store. Its address is the SHA-256 of its bytes, so equal files are kept once. */
export interface StoredBlob extends MediaFacts {
  /** Lower-case hex. */
  readonly sha256: string;
  readonly bytes: number;
}

/** Takes a file piece by piece; nothing is visible in the store before `finish`. */
export interface BlobWriter {
  /**
   * Resolves when the next chunk may come; the chunk's memory may then be used again.
   * @throws ApiError `body_too_large` past the cap, `storage_unavailable` when the disk refuses. Both abort the writer.
   */
  write(chunk: Uint8Array): Promise<void>;
  /** @throws ApiError `storage_unavailable`; the writer is then aborted. */
  finish(): Promise<StoredBlob>;
  /** Forgets what was written. Safe to call twice and after `finish`. */
  abort(): Promise<void>;
}

/** Inclusive byte positions, as in HTTP ranges. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Where bytes are kept: the local disk, or an S3-compatible bucket. */
export abstract class BlobStore {
  protected readonly recent = new RecentFiles();

  /** @param maxBytes the cap that `write` enforces while streaming. */
  abstract createWriter(maxBytes: number): Promise<BlobWriter>;
  /** @throws ApiError `not_found` when there is no such file, `storage_unavailable`. */
  abstract read(sha256: string, range?: ByteRange): Promise<Readable>;
  /** The file from its beginning; each piece is valid until the next is asked for. Fails as {@link read} does. */
  async *chunks(sha256: string): AsyncGenerator<Uint8Array, void> {
    const recent = this.recent.get(sha256);
    if (recent === undefined) yield* this.stored(sha256);
    else yield recent;
  }
  /** What {@link chunks} answers from the store itself. */
  protected async *stored(sha256: string): AsyncGenerator<Uint8Array, void> {
    yield* await this.read(sha256);
  }
  /** The whole file in memory; for small ones. @throws ApiError `not_found`, `storage_unavailable` */
  abstract readAll(sha256: string): Promise<Buffer>;
  abstract has(sha256: string): Promise<boolean>;
  /** Deletes the file, if it is there. The caller knows that no asset refers to it any more. */
  abstract delete(sha256: string): Promise<void>;
  /** Proves that the store can be written to and read from. @throws ApiError `storage_unavailable` */
  abstract check(): Promise<void>;
}
