import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Why a file cannot be written, or be made with the folders that lead to it: one clause. Undefined: it can. */
export function whyNotWritable(file: string): string | undefined {
  const path = resolve(file);
  const found = entryAt(path);
  if (found?.isDirectory() === true) return `${path} is a folder`;
  // Journals and temporary files lie beside it.
  return (found === undefined ? undefined : deniedAccess(path, constants.R_OK | constants.W_OK)) ?? whyNoFiles(dirname(path));
}

/** Why no file can be made in a folder, which itself need not be there yet: one clause. Undefined: it can. */
export function whyNoFiles(folder: string): string | undefined {
  let nearest = resolve(folder);
  for (;;) {
    const found = entryAt(nearest);
    if (found !== undefined) {
      if (!found.isDirectory()) return `${nearest} is no folder`;
      return deniedAccess(nearest, constants.W_OK | constants.X_OK);
    }
    if (dirname(nearest) === nearest) return undefined;
    nearest = dirname(nearest);
  }
}

/** Undefined also where a file stands on the way, or nobody may look. */
function entryAt(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function deniedAccess(path: string, mode: number): string | undefined {
  try {
    accessSync(path, mode);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EROFS') return `${path} lies on a file system that is read-only`;
    if (code !== 'EACCES' && code !== 'EPERM') return `${path} cannot be used (${code ?? String(error)})`;
    const { uid } = statSync(path);
    const user = process.getuid?.();
    return `${path} cannot be written to by this user${user === undefined ? '' : ` (uid ${user}; its owner is ${uid})`}`;
  }
}
