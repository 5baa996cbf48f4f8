import { createHash, type Hash, hash, randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError, type Availability, Semaphore } from '../../platform/common/index.js';
import type { BlobWriter, HeldBlob, StoredBlob } from './blob-store.js';
import type { RandomAccess } from './file-window.js';
import { HEAD_BYTES, probeMedia } from './media-probe.js';
import { storageUnavailable } from './storage.errors.js';

/** A whole file on its way into a store: in memory when it is small, else in a temporary file that the store may take. */
export type SpooledFile = { readonly sha256: string; readonly bytes: number } & (
  | { readonly kind: 'memory'; readonly data: Buffer }
  | { readonly kind: 'disk'; readonly path: string; readonly file: FileHandle }
);

/** Up to this length a file never touches the disk before its name is known. */
export const SMALL_FILE_BYTES = HEAD_BYTES;
/** Of what vendors deliver while the disk is full, so much waits in memory; more waits at the vendor. */
const MOST_WAITING_BYTES = 64 * 1024 * 1024;
let waitingBytes = 0;

interface Disk {
  readonly path: string;
  readonly file: FileHandle;
  /** How much of the file is written. */
  position: number;
  /** What waits until there is room, before what is in the buffer. */
  waiting: Buffer[];
  /** What is still to be written, `filled` bytes of it. Undefined when all is. */
  buffer: Buffer | undefined;
  filled: number;
}

export interface SpoolOptions {
  readonly directory: string;
  readonly maxBytes: number;
  readonly health: Availability;
  /** See {@link BlobStore.createWriter}. */
  readonly patience?: AbortSignal | undefined;
  /** Puts the finished file where it belongs, and may be called again when it failed; whatever it leaves of the temporary file is removed. */
  keep(file: SpooledFile): Promise<void>;
}

/** The writer that both stores share: hashes, counts, caps and sniffs a file while it comes in. */
export class BlobSpool implements BlobWriter {
  private state: 'open' | 'finishing' | 'closed' = 'open';
  private bytes = 0;
  /** The file's first bytes, kept for the probe. */
  private head: Buffer[] = [];
  private headBytes = 0;
  private hash: Hash | undefined;
  private disk: Disk | undefined;

  constructor(private readonly options: SpoolOptions) {}

  async write(chunk: Uint8Array): Promise<void> {
    if (this.state !== 'open') throw new Error('The writer is closed.');
    if (chunk.byteLength === 0) return;
    this.bytes += chunk.byteLength;
    const { maxBytes } = this.options;
    if (this.bytes > maxBytes) {
      await this.abort();
      throw new ApiError('body_too_large', `The file is larger than ${maxBytes} bytes.`);
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
      throw this.refused(error);
    }
  }

  async finish(): Promise<StoredBlob> {
    const held = await this.hold();
    await held.keep();
    return held.blob;
  }

  async hold(): Promise<HeldBlob> {
    if (this.state !== 'open') throw new Error('The writer is closed.');
    this.state = 'finishing';
    try {
      const spooled = await this.close();
      const facts = await probeMedia(this.randomAccess(spooled));
      return {
        blob: { sha256: spooled.sha256, bytes: spooled.bytes, ...facts },
        keep: () => this.settle(spooled),
        discard: () => this.abort(),
      };
    } catch (error) {
      await this.abort();
      throw this.refused(error);
    }
  }

  private refused(error: unknown): ApiError {
    this.options.health.failed(error);
    return error instanceof ApiError ? error : storageUnavailable('The disk refused the file.', error);
  }

  /** Does what needs the store, again and again if it has the patience. */
  private async patiently(work: () => Promise<void>, signal?: AbortSignal): Promise<void> {
    const { health, patience } = this.options;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        health.failed(error);
        if (patience === undefined) throw error;
        await health.untilBack(signal).catch(() => {
          throw error;
        });
      }
    }
  }

  private async settle(spooled: SpooledFile): Promise<void> {
    if (this.state !== 'finishing') throw new Error('The file was kept or discarded before.');
    try {
      await this.patiently(() => this.options.keep(spooled));
    } catch (error) {
      throw this.refused(error);
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
    for (const { byteLength } of disk.waiting.splice(0)) waitingBytes -= byteLength;
    await bigFiles.run(async () => {
      // Waits for what is still being written out of the buffer.
      await disk.file.close().catch(() => undefined);
      if (disk.buffer !== undefined) giveBuffer(disk.buffer);
      await rm(disk.path, { force: true }).catch(() => undefined);
    });
  }

  private async spill(chunk: Uint8Array): Promise<void> {
    if (this.disk === undefined || this.hash === undefined) {
      this.hash = createHash('sha256');
      this.disk = await this.openDisk();
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
    const { buffer } = disk;
    if (buffer === undefined) throw new Error('The writer is closed.');
    for (let at = 0; at < data.byteLength; ) {
      const piece = data.subarray(at, at + BIG_FILE_BUFFER_BYTES - disk.filled);
      buffer.set(piece, disk.filled);
      disk.filled += piece.byteLength;
      at += piece.byteLength;
      if (disk.filled === BIG_FILE_BUFFER_BYTES) await this.flush(disk);
    }
  }

  private async openDisk(): Promise<Disk> {
    const { directory, patience } = this.options;
    const path = join(directory, randomUUID());
    let file: FileHandle | undefined;
    await this.patiently(async () => {
      file = await bigFiles.run(() => open(path, 'wx+', 0o640));
    }, patience);
    return { path, file: file as FileHandle, position: 0, waiting: [], buffer: takeBuffer(), filled: 0 };
  }

  /** Empties the buffer. What the disk does not take waits in memory while there is room for it, so that the vendor can go on. */
  private async flush(disk: Disk): Promise<void> {
    const { buffer, filled } = disk;
    const { health, patience } = this.options;
    if (buffer === undefined || filled === 0) return;
    if (patience !== undefined && waitingBytes + filled <= MOST_WAITING_BYTES) {
      try {
        if (health.reason === undefined) return await this.writeOut(disk);
      } catch (error) {
        health.failed(error);
      }
      disk.waiting.push(Buffer.from(buffer.subarray(0, filled)));
      waitingBytes += filled;
      disk.filled = 0;
      return;
    }
    await this.patiently(() => this.writeOut(disk), patience);
  }

  private async writeOut(disk: Disk): Promise<void> {
    for (let [piece] = disk.waiting; piece !== undefined; [piece] = disk.waiting) {
      await writeAll(disk, piece);
      disk.waiting.shift();
      waitingBytes -= piece.byteLength;
    }
    const { buffer, filled } = disk;
    if (buffer !== undefined && filled > 0) await writeAll(disk, buffer.subarray(0, filled));
    disk.filled = 0;
  }

  private async close(): Promise<SpooledFile> {
    if (this.disk === undefined || this.hash === undefined) {
      const data = this.head.length === 1 ? (this.head[0] as Buffer) : Buffer.concat(this.head, this.headBytes);
      return { kind: 'memory', data, bytes: this.bytes, sha256: hash('sha256', data) };
    }
    const { disk } = this;
    await this.patiently(() => this.writeOut(disk));
    const { path, file, buffer } = disk;
    disk.buffer = undefined;
    if (buffer !== undefined) giveBuffer(buffer);
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

/** A disk that is nearly full may take a part; what is written again stands in the same place. */
async function writeAll(disk: Disk, data: Buffer): Promise<void> {
  await bigFiles.run(async () => {
    for (let at = 0; at < data.byteLength; ) {
      at += (await disk.file.write(data, at, data.byteLength - at, disk.position + at)).bytesWritten;
    }
  });
  disk.position += data.byteLength;
}

/** Length of the buffers that big files pass through; a multiple of three, so that base64 can be made of each by itself. */
const BIG_FILE_BUFFER_BYTES = 196_608;
/** Kept for the next file, because allocating a buffer for every piece would keep the garbage collector busy. */
const KEPT_BUFFERS = 16;

const kept: Buffer[] = [];

/** Of the process's few threads for files and databases, big files may occupy half, so that small work never queues behind them. */
export const bigFiles = new Semaphore(2);

export function takeBuffer(): Buffer {
  return kept.pop() ?? Buffer.allocUnsafeSlow(BIG_FILE_BUFFER_BYTES);
}

/** Only when nothing reads or writes it any more. */
export function giveBuffer(buffer: Buffer): void {
  if (kept.length < KEPT_BUFFERS) kept.push(buffer);
}
