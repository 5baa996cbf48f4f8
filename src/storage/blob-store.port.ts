import type { Readable } from 'node:stream';

/** A file in the content-addressed store. Its address is the SHA-256 of its bytes, so equal files are kept once. */
export interface StoredBlob {
  /** Lower-case hex. */
  readonly sha256: string;
  readonly bytes: number;
  /** From the magic bytes; `application/octet-stream` when they say nothing. */
  readonly contentType: string;
  /** Pixels, for images whose header says so. */
  readonly width?: number;
  readonly height?: number;
}

/** Takes a file piece by piece; nothing is visible in the store before `finish`. */
export interface BlobWriter {
  /** Resolves when the next chunk may come. @throws ApiError `body_too_large` past the cap. */
  write(chunk: Uint8Array): Promise<void>;
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
  /** @param maxBytes the cap that `write` enforces while streaming. */
  abstract createWriter(maxBytes: number): Promise<BlobWriter>;
  /** @throws ApiError `not_found` when there is no such file. */
  abstract read(sha256: string, range?: ByteRange): Promise<Readable>;
  abstract has(sha256: string): Promise<boolean>;
  abstract delete(sha256: string): Promise<void>;
  /** Proves that the store can be used. @throws ApiError `storage_unavailable` */
  abstract check(): Promise<void>;
}
