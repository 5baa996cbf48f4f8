// What a run leaves behind is removed when all of it has been measured: for a while after files are deleted, ext4 avoids their inodes and
// searches for others, which doubles the CPU of whoever creates files then.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const directories = new Set();

/** A fresh directory, which is removed when this process ends. */
export function makeDirectory(name) {
  const directory = mkdtempSync(join(tmpdir(), `litegen-${name}-`));
  leave(directory);
  return directory;
}

/** Has a directory removed when this process ends. */
export function leave(directory) {
  directories.add(directory);
}

process.on('exit', () => {
  for (const directory of directories) {
    try {
      rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
    } catch (error) {
      console.error(`${directory} was not removed: ${error.message}`);
    }
  }
});
