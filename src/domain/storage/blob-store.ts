import type { Readable } from 'node:stream';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { ApiError, Availability } from '../../platform/common/index.js';
import { Database } from '../../platform/database/index.js';

/** What the first bytes of a file say about it; nothing here is taken from a sender's word. */
export interface MediaFacts {
  /** From the magic bytes; `application/octet-stream` when they say nothing. */
  readonly contentType: string;
  /** Pixels as displayed, for images and videos whose header says so. */
  readonly width?: number;
  readonly height?: number;
  /** For videos whose header says so. */
  readonly durationMs?: number;
  /** The format says that there is more than there is. */
  readonly cutShort?: true;
  /** A picture of a format for still ones that moves: APNG and animated WebP. */
  readonly animated?: true;
}

/** A file in the content-addressed store. Its address is the SHA-256 of its bytes, so equal files are kept once. */
export interface StoredBlob extends MediaFacts {
  /** Lower-case hex. */
  readonly sha256: string;
  readonly bytes: number;
}

/** A whole file that waits outside the store until it is known to be wanted. */
export interface HeldBlob {
  /** As it will be called. */
  readonly blob: StoredBlob;
  /** Puts it into the store, and lets go of it. @throws ApiError `storage_unavailable` */
  keep(): Promise<void>;
  /** Forgets it, unless it was kept. Safe to call twice. */
  discard(): Promise<void>;
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
  /** As {@link finish}, but not into the store yet. Its taker keeps or discards it. */
  hold(): Promise<HeldBlob>;
  /** Forgets what was written. Safe to call twice and after `finish`. */
  abort(): Promise<void>;
}

/** Inclusive byte positions, as in HTTP ranges. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A file as a look through the store finds it. */
export interface ListedBlob {
  readonly sha256: string;
  /** When it was written, or set aside; by the store's clock, milliseconds since the epoch. */
  readonly sinceMs: number;
}

/**
 * `store`: where files are. `aside`: where files wait that nothing refers to. They are found all the same by whoever reads them, since the
 * request that is about to refer to one may have seen it in its old place a moment before.
 */
export type BlobPlace = 'store' | 'aside';

/** Where bytes are kept: the local disk, or an S3-compatible bucket. */
export abstract class BlobStore {
  protected readonly recent = new RecentFiles();
  /** Told by writers of what goes wrong; also by whoever else finds that the store cannot be used. */
  readonly health = new Availability(
    'The file store',
    () => this.check(),
    () => this.glance(),
  );

  /** @throws Error when it can be seen at little cost that no more can be stored */
  protected abstract glance(): Promise<void>;

  /**
   * @param maxBytes the cap that `write` enforces while streaming.
   * @param patience for what a vendor delivered and charged. While the store cannot be written to, the writer waits instead of failing: in
   * `write` until the signal is aborted, in `finish`, when all is there, as long as it takes.
   */
  abstract createWriter(maxBytes: number, patience?: AbortSignal): Promise<BlobWriter>;
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
  /** Deletes the file wherever it is, if it is there. The caller knows that no asset refers to it any more. */
  abstract delete(sha256: string): Promise<void>;
  /** All files of a place, in no order. What comes and goes meanwhile may be among them or not. @throws ApiError `storage_unavailable` */
  abstract list(place: BlobPlace): AsyncGenerator<ListedBlob, void>;
  /** Moves a file aside. Nothing happens when it is not there. @throws ApiError `storage_unavailable` */
  abstract setAside(sha256: string): Promise<void>;
  /** Moves a file back. Nothing happens when it is not there. @throws ApiError `storage_unavailable` */
  abstract restore(sha256: string): Promise<void>;
  /** Deletes a file that was set aside; one of the same bytes that has come since stays. @throws ApiError `storage_unavailable` */
  abstract deleteAside(sha256: string): Promise<void>;
  /** A short text that belongs to the store itself. Undefined: there is none. @throws ApiError `storage_unavailable` */
  abstract readNote(name: string): Promise<string | undefined>;
  abstract writeNote(name: string, text: string): Promise<void>;
  /** Removes what writers that died left of their temporary files. */
  abstract tidy(nowMs: number): Promise<void>;
  /** Proves that the store can be written to and read from. @throws ApiError `storage_unavailable` */
  abstract check(): Promise<void>;
}

/** In all. */
const MOST_BYTES = 4_194_304;
const MOST_FILES = 1024;

/** Small files that were just written: most of them are asked for once more, by the answer that they belong to. */
export class RecentFiles {
  private readonly files = new Map<string, Buffer>();
  private bytes = 0;

  constructor(
    private readonly mostBytes = MOST_BYTES,
    private readonly mostFiles = MOST_FILES,
  ) {}

  add(sha256: string, data: Buffer): void {
    this.delete(sha256);
    this.files.set(sha256, owned(data));
    this.bytes += data.length;
    for (const oldest of this.files.keys()) {
      if (this.bytes <= this.mostBytes && this.files.size <= this.mostFiles) return;
      this.delete(oldest);
    }
  }

  get(sha256: string): Buffer | undefined {
    return this.files.get(sha256);
  }

  delete(sha256: string): void {
    const data = this.files.get(sha256);
    if (data === undefined) return;
    this.files.delete(sha256);
    this.bytes -= data.length;
  }
}

/** A part of a larger buffer would keep all of that. */
function owned(data: Buffer): Buffer {
  if (data.buffer.byteLength === data.length) return data;
  const copy = Buffer.allocUnsafeSlow(data.length);
  data.copy(copy);
  return copy;
}

const RETRY_AFTER_SECONDS = 5;

/**
 * Whether what a vendor delivers could be kept: files in the store, rows in the database. While it could not, no vendor is called. The
 * errors of writes are what says that something is away, and each finds out by itself when it is back.
 */
@Injectable()
export class StorageHealth implements OnApplicationShutdown {
  private readonly parts: readonly Availability[];

  constructor(blobs: BlobStore, database: Database) {
    this.parts = [blobs.health, database.room];
  }

  get isAvailable(): boolean {
    return this.parts.every(({ reason }) => reason === undefined);
  }

  /** One sentence for each part that is away, fit for anybody's eyes. */
  get reasons(): string[] {
    return this.parts.flatMap(({ name, reason }) => (reason === undefined ? [] : [`${name} cannot be written to (${reason}).`]));
  }

  /** Looks where that costs little. */
  async look(): Promise<void> {
    await Promise.all(this.parts.map((part) => part.look()));
  }

  /** To be asked before a vendor is. @throws ApiError `storage_unavailable` */
  async assertAvailable(): Promise<void> {
    await this.look();
    if (this.isAvailable) return;
    throw new ApiError('storage_unavailable', `${this.reasons.join(' ')} Nothing was sent to a vendor.`, {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });
  }

  /** After the time that running work is given. */
  onApplicationShutdown(): void {
    for (const part of this.parts) part.stop();
  }
}
