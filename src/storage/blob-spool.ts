import { createHash, type Hash, hash, randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '../common/index.js';
import type { BlobWriter, StoredBlob } from './blob-store.port.js';
import { HEAD_BYTES, probeMedia, type RandomAccess } from './media-probe.js';
import { storageUnavailable } from './storage.errors.js';

/** A whole file on its way into a store: in memory when it is small, else in a temporary file that the store may take. */
export type SpooledFile = { readonly sha256: string; readonly bytes: number } & (
  | { readonly kind: 'memory'; readonly data: Buffer }
  | { readonly kind: 'disk'; readonly path: string; readonly file: FileHandle }
);

/** Up to this length a file never touches the disk before its name is known. */
export const SMALL_FILE_BYTES = HEAD_BYTES;
/** Chunks are gathered to about this length before they are written out. */
const FLUSH_BYTES = 262_144;

/**
 * The writer that both stores share: hashes, counts, caps and sniffs a file while it comes in.
 * @param keep puts the finished file where it belongs; whatever it leaves of the temporary file is removed.
 */
export class BlobSpool implements BlobWriter {
  private state: 'open' | 'finishing' | 'closed' = 'open';
  private bytes = 0;
  /** The file's first bytes, kept for the probe. */
  private head: Buffer[] = [];
  private headBytes = 0;
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private hash: Hash | undefined;
  private disk: { readonly path: string; readonly file: FileHandle } | undefined;

  constructor(
    private readonly directory: string,
    private readonly maxBytes: number,
    private readonly keep: (file: SpooledFile) => Promise<void>,
  ) {}

  async write(chunk: Uint8Array): Promise<void> {
    if (this.state !== 'open') throw new Error('The writer is closed.');
    if (chunk.byteLength === 0) return;
    this.bytes += chunk.byteLength;
    if (this.bytes > this.maxBytes) {
      await this.abort();
      throw new ApiError('body_too_large', `The file is larger than ${this.maxBytes} bytes.`);
    }
    if (this.bytes <= SMALL_FILE_BYTES) {
      this.head.push(Buffer.from(chunk));
      this.headBytes += chunk.byteLength;
      return;
    }
    try {
      await this.spill(chunk);
    } catch (error) {
      await this.abort();
      throw storageUnavailable('The disk refused the file.', error);
    }
  }

  async finish(): Promise<StoredBlob> {
    if (this.state !== 'open') throw new Error('The writer is closed.');
    this.state = 'finishing';
    try {
      const spooled = await this.close();
      const facts = await probeMedia(this.randomAccess(spooled));
      await this.keep(spooled);
      return { sha256: spooled.sha256, bytes: spooled.bytes, ...facts };
    } catch (error) {
      throw error instanceof ApiError ? error : storageUnavailable('The disk refused the file.', error);
    } finally {
      await this.abort();
    }
  }

  async abort(): Promise<void> {
    this.state = 'closed';
    this.head = [];
    this.pending = [];
    const disk = this.disk;
    this.disk = undefined;
    if (disk === undefined) return;
    await disk.file.close().catch(() => undefined);
    await rm(disk.path, { force: true }).catch(() => undefined);
  }

  private async spill(chunk: Uint8Array): Promise<void> {
    if (this.disk === undefined || this.hash === undefined) {
      this.hash = createHash('sha256');
      const path = join(this.directory, randomUUID());
      this.disk = { path, file: await open(path, 'wx+', 0o640) };
      const early = Buffer.concat(this.head, this.headBytes);
      const missing = Buffer.from(chunk.subarray(0, Math.max(0, HEAD_BYTES - early.length)));
      this.head = [Buffer.concat([early, missing])];
      this.headBytes = early.length + missing.length;
      this.hash.update(early);
      if (early.length > 0) this.hold(early);
    }
    this.hash.update(chunk);
    if (this.pendingBytes + chunk.byteLength < FLUSH_BYTES) {
      this.hold(Buffer.from(chunk));
      return;
    }
    this.hold(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    await this.flush();
  }

  private hold(data: Buffer): void {
    this.pending.push(data);
    this.pendingBytes += data.length;
  }

  private async flush(): Promise<void> {
    const parts = this.pending;
    const length = this.pendingBytes;
    this.pending = [];
    this.pendingBytes = 0;
    if (this.disk === undefined || length === 0) return;
    const { bytesWritten } = await this.disk.file.writev(parts);
    // A disk that is nearly full takes a part; this goes on until it takes all or says why not.
    if (bytesWritten < length) await this.disk.file.writeFile(Buffer.concat(parts, length).subarray(bytesWritten));
  }

  private async close(): Promise<SpooledFile> {
    if (this.disk === undefined || this.hash === undefined) {
      const data = this.head.length === 1 ? (this.head[0] as Buffer) : Buffer.concat(this.head, this.headBytes);
      return { kind: 'memory', data, bytes: this.bytes, sha256: hash('sha256', data) };
    }
    await this.flush();
    return { kind: 'disk', ...this.disk, bytes: this.bytes, sha256: this.hash.digest('hex') };
  }

  private randomAccess(spooled: SpooledFile): RandomAccess {
    const head = spooled.kind === 'memory' ? spooled.data : (this.head[0] as Buffer);
    return {
      bytes: spooled.bytes,
      read: async (position, length) => {
        if (spooled.kind === 'memory' || position + length <= head.length) return head.subarray(position, position + length);
        const buffer = Buffer.allocUnsafe(length);
        const { bytesRead } = await spooled.file.read(buffer, 0, length, position);
        return buffer.subarray(0, bytesRead);
      },
    };
  }
}
