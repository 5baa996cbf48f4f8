import { randomUUID } from 'node:crypto';
import { open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';

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
