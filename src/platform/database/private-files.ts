import { chmodSync, closeSync, openSync, statSync } from 'node:fs';

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;
/** What SQLite keeps beside a file, with the file's own mode. */
const COMPANIONS = ['', '-wal', '-shm', '-journal'];

/**
 * A SQLite file holds prompts, hashes of keys and the installation's secrets, so that only its owner may read it, whatever the umask is: a
 * new one is made so, one that is there already is mended. Where the file system or its owner does not allow that, it stays as it is.
 */
export function keepPrivate(path: string): void {
  try {
    // Never opened when it is there: to close it would give up the locks that this process may have on it.
    closeSync(openSync(path, 'wx', OWNER_ONLY));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  for (const file of openToOthers(path)) {
    try {
      chmodSync(file, OWNER_ONLY);
    } catch {
      // Told by whoever asks which files are open to others.
    }
  }
}

/** The file and its companions, as far as others than their owner may read or write them. Always none on Windows, which has no such modes. */
export function openToOthers(path: string): string[] {
  if (process.platform === 'win32') return [];
  return COMPANIONS.map((suffix) => `${path}${suffix}`).filter((file) => {
    const found = statSync(file, { throwIfNoEntry: false });
    return found !== undefined && (found.mode & OTHERS) !== 0;
  });
}
