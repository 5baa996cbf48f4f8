import { randomUUID } from 'node:crypto';
import { open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2_000;
/** So long a glance counts. */
const GLANCE_MS = 100;

interface Outage {
  readonly reason: string;
  readonly waiting: Set<{ back(): void; stop(): void }>;
  timer?: NodeJS.Timeout;
}

/** Something that may be away for a while. Who meets it away says so; from then on it is asked again and again until it is back. */
export class Availability {
  private readonly logger = new Logger('Availability');
  private outage: Outage | undefined;
  private hasStopped = false;
  private glancedAtMs = Number.NEGATIVE_INFINITY;

  /**
   * @param name as a sentence begins with it, such as `The file store`
   * @param probe resolves when it can be used
   * @param glance fails when that can be seen at little cost
   */
  constructor(
    readonly name: string,
    private readonly probe: () => Promise<void>,
    private readonly glance?: () => Promise<void>,
  ) {}

  /** Why it is away, without what outsiders should not read; undefined: it is not. */
  get reason(): string | undefined {
    return this.outage?.reason;
  }

  /** Looks before somebody depends on it. */
  async look(): Promise<void> {
    const nowMs = performance.now();
    if (this.glance === undefined || this.outage !== undefined || nowMs - this.glancedAtMs < GLANCE_MS) return;
    this.glancedAtMs = nowMs;
    await this.glance().catch((error: unknown) => this.failed(error));
  }

  failed(error: unknown): void {
    if (this.outage !== undefined || this.hasStopped) return;
    this.outage = { reason: systemCode(error) ?? 'error', waiting: new Set() };
    this.logger.error(`${this.name} is unusable, and no vendor is called until it recovers: ${String(error)}`);
    this.askAfter(this.outage, FIRST_PAUSE_MS);
  }

  /** Resolves when it is back. @throws the signal's reason, or Error when the process ends first */
  untilBack(signal?: AbortSignal): Promise<void> {
    const { outage } = this;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (this.hasStopped) throw new Error('The process is shutting down');
      if (outage === undefined) return resolve();
      const leave = (settle: () => void) => () => {
        outage.waiting.delete(entry);
        signal?.removeEventListener('abort', aborted);
        settle();
      };
      const aborted = leave(() => reject(signal?.reason as Error));
      const entry = { back: leave(resolve), stop: leave(() => reject(new Error('The process is shutting down'))) };
      outage.waiting.add(entry);
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  /** Asks no more; who waits is told. */
  stop(): void {
    this.hasStopped = true;
    clearTimeout(this.outage?.timer);
    for (const { stop } of [...(this.outage?.waiting ?? [])]) stop();
  }

  private askAfter(outage: Outage, pauseMs: number): void {
    outage.timer = setTimeout(() => {
      this.probe().then(
        () => this.isBack(outage),
        () => {
          if (!this.hasStopped) this.askAfter(outage, Math.min(LONGEST_PAUSE_MS, pauseMs * 2));
        },
      );
    }, pauseMs).unref();
  }

  private isBack(outage: Outage): void {
    if (this.hasStopped) return;
    this.outage = undefined;
    this.logger.log(`${this.name} can be used again`);
    for (const { back } of [...outage.waiting]) back();
  }
}

/** The code that an error or its cause carries, such as `ENOSPC`, `SQLITE_FULL` or `53100`. */
export function systemCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const { code, cause, driverError } = thrown as Error & { readonly code?: unknown; readonly driverError?: unknown };
  if (typeof code === 'string' && /^[A-Z][A-Za-z0-9_]*$/.test(code)) return code;
  return (cause === thrown ? undefined : systemCode(cause)) ?? (driverError === thrown ? undefined : systemCode(driverError));
}

/** What the kernel, SQLite and Postgres say when a disk is full, over its quota, read-only or broken. */
const NO_ROOM: ReadonlySet<string> = new Set([
  ...['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EFBIG'],
  ...['SQLITE_FULL', 'SQLITE_IOERR', 'SQLITE_READONLY', 'SQLITE_CANTOPEN'],
  ...['53100', '58030'],
]);

/** The error's code for callers when a database cannot be used. */
export function unavailableCode(thrown: unknown): 'storage_unavailable' | 'database_unavailable' {
  return isOutOfRoom(thrown) ? 'storage_unavailable' : 'database_unavailable';
}

/** The beginning of what callers are told then. */
export function awayText(thrown: unknown): string {
  return isOutOfRoom(thrown) ? 'The database cannot be written to at the moment.' : 'The database does not answer at the moment.';
}

/** Whether a failure says that a disk takes no more. */
export function isOutOfRoom(thrown: unknown): boolean {
  return NO_ROOM.has(systemCode(thrown) ?? '');
}

/** What is kept free, so that what is under way when a disk becomes full still finds room. */
const RESERVED_BYTES = 16 * 1024 * 1024;
const PROBE_BYTES = 1024 * 1024;

class DiskFull extends Error {
  readonly code = 'ENOSPC';

  constructor(directory: string, bytes: number) {
    super(`${(bytes / 1024 / 1024).toFixed(1)} MiB are free in ${directory}, and ${RESERVED_BYTES / 1024 / 1024} MiB are needed`);
    this.name = 'DiskFull';
  }
}

/** A glance at how much is free. @throws the kernel's error, or one like it when the disk is all but full */
export async function seeRoom(directory: string): Promise<void> {
  const { blocks, bavail, bsize } = await statfs(directory);
  // Some file systems tell nothing.
  if (blocks > 0 && bavail * bsize < RESERVED_BYTES) throw new DiskFull(directory, bavail * bsize);
}

/** Proves that files can be written, kept and read in a directory. @throws as {@link seeRoom}, also for what that does not see, such as a quota */
export async function proveRoom(directory: string): Promise<void> {
  await seeRoom(directory);
  const path = join(directory, `.room-${randomUUID()}`);
  const written = Buffer.alloc(PROBE_BYTES, randomUUID());
  const file = await open(path, 'wx+', 0o600);
  try {
    await file.writeFile(written);
    await file.datasync();
    const read = Buffer.alloc(PROBE_BYTES);
    await file.read(read, 0, PROBE_BYTES, 0);
    if (!read.equals(written)) throw new Error('What was written is not what is read.');
  } finally {
    await file.close();
    await rm(path, { force: true });
  }
}
