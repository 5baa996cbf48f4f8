import { createHash, type Hash, hash, randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '../common/index.js';
import { BIG_FILE_BUFFER_BYTES, bigFiles, giveBuffer, takeBuffer } from './big-files.js';
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
interface Disk {
  readonly path: string;
  readonly file: FileHandle;
  /** What is still to be written, `filled` bytes of it. */
  readonly buffer: Buffer;
  filled: number;
}

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
  private hash: Hash | undefined;
  private disk: Disk | undefined;

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
    const disk = this.disk;
    this.disk = undefined;
    if (disk === undefined) return;
    await bigFiles.run(async () => {
      // Waits for what is still being written out of the buffer.
      await disk.file.close().catch(() => undefined);
      giveBuffer(disk.buffer);
      await rm(disk.path, { force: true }).catch(() => undefined);
    });
  }

  private async spill(chunk: Uint8Array): Promise<void> {
    if (this.disk === undefined || this.hash === undefined) {
      this.hash = createHash('sha256');
      const path = join(this.directory, randomUUID());
      const file = await bigFiles.run(() => open(path, 'wx+', 0o640));
      this.disk = { path, file, buffer: takeBuffer(), filled: 0 };
      const early = Buffer.concat(this.head, this.headBytes);
      const missing = Buffer.from(chunk.subarray(0, Math.max(0, HEAD_BYTES - early.length)));
      this.head = [Buffer.concat([early, missing])];
      this.headBytes = early.length + missing.length;
      this.hash.update(early);
      await this.append(this.disk, early);
    }
    this.hash.update(chunk);
    await this.append(this.disk, chunk);
  }

  private async append(disk: Disk, data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.byteLength; ) {
      const piece = data.subarray(at, at + BIG_FILE_BUFFER_BYTES - disk.filled);
      disk.buffer.set(piece, disk.filled);
      disk.filled += piece.byteLength;
      at += piece.byteLength;
      if (disk.filled === BIG_FILE_BUFFER_BYTES) await this.flush(disk);
    }
  }

  private async flush(disk: Disk): Promise<void> {
    if (disk.filled === 0) return;
    // `writeFile` goes on where the last one ended; a disk that is nearly full takes all or says why not.
    await bigFiles.run(() => disk.file.writeFile(disk.buffer.subarray(0, disk.filled)));
    disk.filled = 0;
  }

  private async close(): Promise<SpooledFile> {
    if (this.disk === undefined || this.hash === undefined) {
      const data = this.head.length === 1 ? (this.head[0] as Buffer) : Buffer.concat(this.head, this.headBytes);
      return { kind: 'memory', data, bytes: this.bytes, sha256: hash('sha256', data) };
    }
    await this.flush(this.disk);
    const { path, file } = this.disk;
    return { kind: 'disk', path, file, bytes: this.bytes, sha256: this.hash.digest('hex') };
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
