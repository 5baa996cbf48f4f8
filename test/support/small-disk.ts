import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PIECE = Buffer.alloc(65_536, 1);
const SMALL_PIECE = Buffer.alloc(1, 1);

/** A file system of its own that is soon full, in memory. */
export class SmallDisk {
  readonly path: string;
  private readonly ballast: string;

  /** @throws where this process may not mount anything; ask {@link canMount} first */
  constructor(megabytes: number) {
    this.path = mkdtempSync(join(tmpdir(), 'litegen-disk-'));
    this.ballast = join(this.path, 'ballast');
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=777`, 'tmpfs', this.path], { stdio: 'pipe' });
    } catch (error) {
      rmdirSync(this.path);
      throw error;
    }
  }

  /** Takes all the room that is left, to the last byte. */
  fill(): void {
    const file = openSync(this.ballast, 'a');
    try {
      for (const piece of [PIECE, SMALL_PIECE]) writeUntilFull(file, piece);
    } finally {
      closeSync(file);
    }
  }

  /** Gives back what {@link fill} took. */
  free(): void {
    rmSync(this.ballast, { force: true });
  }

  remove(): void {
    if (!existsSync(this.path)) return;
    execFileSync('umount', ['-l', this.path], { stdio: 'pipe' });
    rmdirSync(this.path);
  }
}

function writeUntilFull(file: number, piece: Buffer): void {
  try {
    for (;;) writeSync(file, piece);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
}

/** Whether this process may mount a file system: as root on Linux, and not in most containers. */
export function canMount(): boolean {
  if (process.platform !== 'linux') return false;
  try {
    new SmallDisk(1).remove();
    return true;
  } catch {
    return false;
  }
}
