import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Where Debian's `faketime` puts it. */
const LIBRARIES = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map((name) => `/usr/lib/${name}/faketime/libfaketimeMT.so.1`);
const LIBRARY = LIBRARIES.find((path) => existsSync(path));
/** The library looks at the file this often. */
const READ_EVERY_SECONDS = 1;

/** Whether the clock of a process can be stepped here: `apt-get install faketime`. */
export const hasFakeTime = LIBRARY !== undefined;

/** A wall clock that steps while a process runs, as an operator or NTP may step it. Its monotonic clock runs on, as the kernel's does. */
export class FakeTime {
  private readonly folder = mkdtempSync(join(tmpdir(), 'litegen-time-'));
  private readonly file = join(this.folder, 'offset');

  constructor() {
    this.write(0);
  }

  /** For the environment of a process. */
  get env(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: LIBRARY ?? '',
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_CACHE_DURATION: String(READ_EVERY_SECONDS),
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    };
  }

  /** From now on the clock is so much ahead of the machine's; negative: behind. Resolves when a process must have seen it. */
  async step(seconds: number): Promise<void> {
    this.write(seconds);
    await delay(READ_EVERY_SECONDS * 1000 + 100);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private write(seconds: number): void {
    writeFileSync(this.file, `${seconds < 0 ? '' : '+'}${seconds}\n`);
  }
}
