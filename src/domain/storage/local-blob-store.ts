import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { ApiError, Clock, isOutOfRoom, proveRoom, seeRoom } from '../../platform/common/index.js';
import { BlobSpool, bigFiles, giveBuffer, type SpooledFile, takeBuffer } from './blob-spool.js';
import { type BlobPlace, BlobStore, type BlobWriter, type ByteRange, type ListedBlob } from './blob-store.js';
import { SmallFiles } from './small-files.js';
import { blobNotFound, storageUnavailable } from './storage.errors.js';

/** A temporary file that nobody wrote to for so long belongs to a process that died. */
const STALE_AFTER_MS = 6 * 3_600_000;
const READ_CHUNK_BYTES = 262_144;
const DIGEST = /^[0-9a-f]{64}$/;
/** Folders of files, by the first two digits. */
const PREFIXES = 256;

/**
 * Files on the local disk (or a shared mount), at `<root>/ab/<sha256>`; what is set aside is below `<root>/aside`.
 *
 * Large files appear under their name by rename, and are synced with their directory before `finish` resolves: that is where vendors'
 * paid outputs are, and it costs a millisecond or two in a call of seconds. Files of up to 64 KB (icons, probes) are left to the kernel
 * and written to where they belong at once; see {@link SmallFiles}. Nobody knows such a file before `finish` resolves, and whoever has the same content writes
 * the same bytes over it, which mends what a killed process or a loss of power left.
 */
export class LocalBlobStore extends BlobStore {
  private readonly root: string;
  private readonly temporary: string;
  private readonly aside: string;
  private readonly clock = new Clock();
  private readonly small = new SmallFiles(() => bigFiles.isBusy);

  constructor(path: string) {
    super();
    this.root = resolve(path);
    this.temporary = temporaryDirectory(path);
    this.aside = join(this.root, 'aside');
  }

  /** Makes the directories and clears what dead processes left. @throws ApiError `storage_unavailable` */
  async prepare(nowMs: number): Promise<void> {
    await prepareTemporaryDirectory(this.temporary, nowMs);
    await this.small.look(this.root);
  }

  async createWriter(maxBytes: number, patience?: AbortSignal): Promise<BlobWriter> {
    const { temporary: directory, health } = this;
    return new BlobSpool({ directory, health, patience, maxBytes, keep: (file) => this.keep(file) });
  }

  async read(sha256: string, range?: ByteRange): Promise<Readable> {
    const file = await this.wherever(sha256, (path) => open(path, 'r'));
    // The stream closes the file when it ends, fails or is destroyed.
    return file.createReadStream({ highWaterMark: READ_CHUNK_BYTES, ...(range && { start: range.start, end: range.end }) });
  }

  protected override async *stored(sha256: string): AsyncGenerator<Uint8Array, void> {
    const file = await this.wherever(sha256, (path) => open(path, 'r'));
    const buffer = takeBuffer();
    try {
      for (;;) {
        const { bytesRead } = await bigFiles.run(() => file.read(buffer, 0, buffer.length));
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
      giveBuffer(buffer);
    }
  }

  async readAll(sha256: string): Promise<Buffer> {
    return this.wherever(sha256, (path) => readFile(path));
  }

  async has(sha256: string): Promise<boolean> {
    return (await this.lengthOf(this.pathOf(sha256))) !== undefined || (await this.lengthOf(this.asidePathOf(sha256))) !== undefined;
  }

  async delete(sha256: string): Promise<void> {
    this.recent.delete(sha256);
    await this.change(() => unlink(this.pathOf(sha256)));
    await this.deleteAside(sha256);
  }

  async *list(place: BlobPlace): AsyncGenerator<ListedBlob, void> {
    const root = place === 'store' ? this.root : this.aside;
    for (let prefix = 0; prefix < PREFIXES; prefix += 1) {
      const folder = join(root, prefix.toString(16).padStart(2, '0'));
      const names = (await this.change(() => readdir(folder))) ?? [];
      for (const name of names) {
        if (!DIGEST.test(name)) continue;
        const found = await this.change(() => stat(join(folder, name)));
        if (found !== undefined) yield { sha256: name, sinceMs: found.mtimeMs };
      }
    }
  }

  async setAside(sha256: string): Promise<void> {
    const target = this.asidePathOf(sha256);
    await this.change(async () => {
      // The time tells from now on since when it has been there.
      const now = new Date(this.clock.nowMs());
      await utimes(this.pathOf(sha256), now, now);
      await mkdir(dirname(target), { recursive: true });
      await rename(this.pathOf(sha256), target);
    });
    this.recent.delete(sha256);
  }

  async restore(sha256: string): Promise<void> {
    // One of the same bytes that is there already is simply replaced.
    await this.change(() => inDirectoryOf(this.pathOf(sha256), () => rename(this.asidePathOf(sha256), this.pathOf(sha256))));
  }

  async deleteAside(sha256: string): Promise<void> {
    await this.change(() => unlink(this.asidePathOf(sha256)));
  }

  async readNote(name: string): Promise<string | undefined> {
    return this.change(() => readFile(join(this.root, name), 'utf8'));
  }

  async writeNote(name: string, text: string): Promise<void> {
    const path = join(this.temporary, `note-${randomUUID()}`);
    await this.change(async () => {
      await writeFile(path, text, { flag: 'wx' });
      await rename(path, join(this.root, name));
    });
  }

  async tidy(nowMs: number): Promise<void> {
    await prepareTemporaryDirectory(this.temporary, nowMs);
  }

  protected glance(): Promise<void> {
    return seeRoom(this.temporary);
  }

  async check(): Promise<void> {
    try {
      await proveRoom(this.temporary);
    } catch (error) {
      throw storageUnavailable('The storage directory cannot be written to.', error);
    }
  }

  private pathOf(sha256: string): string {
    // The address becomes a path: nothing but a digest may pass.
    if (!DIGEST.test(sha256)) throw blobNotFound(sha256);
    return join(this.root, sha256.slice(0, 2), sha256);
  }

  private asidePathOf(sha256: string): string {
    return join(this.aside, relative(this.root, this.pathOf(sha256)));
  }

  /** It may be moved there or back at any moment, so a second look in the one place follows that in the other. */
  private async wherever<T>(sha256: string, read: (path: string) => Promise<T>): Promise<T> {
    const path = this.pathOf(sha256);
    for (const [tries, place] of [path, this.asidePathOf(sha256), path].entries()) {
      try {
        return await read(place);
      } catch (error) {
        if (!isMissing(error) || tries === 2) throw readError(sha256, error);
      }
    }
    throw blobNotFound(sha256);
  }

  /** Undefined when a file is not there, which another process may have moved. */
  private async change<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (isMissing(error)) return undefined;
      if (isOutOfRoom(error)) this.health.failed(error);
      throw storageUnavailable('The storage directory cannot be changed.', error);
    }
  }

  private async keep(file: SpooledFile): Promise<void> {
    const target = this.pathOf(file.sha256);
    if (file.kind === 'memory') {
      await inDirectoryOf(target, () => this.small.write(target, file.data));
      this.recent.add(file.sha256, file.data);
      return;
    }
    await bigFiles.run(async () => {
      if ((await this.lengthOf(target)) === file.bytes) return;
      await file.file.datasync();
      await inDirectoryOf(target, () => rename(file.path, target));
      await syncDirectory(dirname(target));
    });
  }

  private async lengthOf(path: string): Promise<number | undefined> {
    try {
      return (await stat(path)).size;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw storageUnavailable('The storage directory cannot be read.', error);
    }
  }
}

/** Where writers spool, in the same file system as the local store so that a rename suffices. */
export function temporaryDirectory(path: string): string {
  return join(resolve(path), 'tmp');
}

/** @throws ApiError `storage_unavailable` */
export async function prepareTemporaryDirectory(directory: string, nowMs: number): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
    for (const name of await readdir(directory)) {
      const path = join(directory, name);
      // Another replica on the same mount may be writing, and may remove its files meanwhile.
      const found = await stat(path).catch(() => undefined);
      if (found?.isFile() && nowMs - found.mtimeMs > STALE_AFTER_MS) await rm(path, { force: true });
    }
  } catch (error) {
    throw storageUnavailable(`The storage directory ${directory} cannot be used.`, error);
  }
}

/** Makes the directory when it is missing, which happens once for each of the 256. */
async function inDirectoryOf(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isMissing(error)) throw error;
    await mkdir(dirname(path)).catch(unlessMade);
    await work();
  }
}

function unlessMade(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function readError(sha256: string, error: unknown): Error {
  if (error instanceof ApiError) return error;
  return isMissing(error) ? blobNotFound(sha256, error) : storageUnavailable('The stored file cannot be read.', error);
}
