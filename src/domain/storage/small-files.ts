import { close, closeSync, constants, open, openSync, write, writeSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { promisify } from 'node:util';

// These cost a fraction of their namesakes of `fs/promises`.
const openSoon = promisify(open);
const writeSoon = promisify(write);
const closeSoon = promisify(close);

const FLAGS = constants.O_CREAT | constants.O_WRONLY;
const MODE = 0o640;

/** File systems whose files reach this machine's memory before any disk, by the numbers in statfs(2). */
const LOCAL_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0xef53, // ext2 to ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0xf2f52010, // F2FS
  0x2fc12fc1, // ZFS
  0x01021994, // tmpfs
  0x794c7630, // overlayfs, what containers write to without a volume
]);

/** A file that takes so long on average costs the event loop more than the way through other threads costs the process. */
const MOST_MS = 0.25;
const WEIGHT_OF_THE_LAST = 0.1;
/** So many times as long as the last file took, the event loop waits for none: it stands still for a thousandth of the time at most. */
const REST_FACTOR = 1000;

/** Whether the event loop may wait for the disk, which is quick as long as it takes files into memory. */
export class DiskPace {
  private averageMs = 0;
  private restUntilMs = Number.NEGATIVE_INFINITY;

  isQuick(nowMs: number): boolean {
    return nowMs >= this.restUntilMs;
  }

  took(fromMs: number, toMs: number): void {
    const tookMs = toMs - fromMs;
    this.averageMs += (tookMs - this.averageMs) * WEIGHT_OF_THE_LAST;
    if (this.averageMs <= MOST_MS) return;
    this.averageMs = 0;
    this.restUntilMs = toMs + tookMs * REST_FACTOR;
  }
}

/**
 * Writes files of up to 64 KB. On a quick disk of this machine the event loop does so itself: opening, writing and closing are three trips
 * to other threads otherwise, and each costs more than what is done there.
 */
export class SmallFiles {
  private readonly pace = new DiskPace();
  private isLocal = false;

  /** @param isBusy whether the disk has work that small files might have to wait for */
  constructor(private readonly isBusy: () => boolean) {}

  /** Finds out what the directory is on. Until then, and when that cannot be told, no file is waited for. */
  async look(directory: string): Promise<void> {
    this.isLocal = await statfs(directory).then(
      ({ type }) => LOCAL_FILE_SYSTEMS.has(type >>> 0),
      () => false,
    );
  }

  /** Writes over what is there without emptying it first, so that nobody who reads the same content ever meets less of it. */
  async write(path: string, data: Buffer): Promise<void> {
    const startMs = performance.now();
    if (!this.isLocal || this.isBusy() || !this.pace.isQuick(startMs)) return writeElsewhere(path, data);
    try {
      writeHere(path, data);
    } finally {
      this.pace.took(startMs, performance.now());
    }
  }
}

function writeHere(path: string, data: Buffer): void {
  const file = openSync(path, FLAGS, MODE);
  try {
    for (let at = 0; at < data.length; ) at += writeSync(file, data, at, data.length - at, at);
  } finally {
    closeSync(file);
  }
}

async function writeElsewhere(path: string, data: Buffer): Promise<void> {
  const file = await openSoon(path, FLAGS, MODE);
  try {
    for (let at = 0; at < data.length; ) at += (await writeSoon(file, data, at, data.length - at, at)).bytesWritten;
  } finally {
    await closeSoon(file);
  }
}
