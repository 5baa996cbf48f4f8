// What the mock vendor wrote down of every submit that reached it.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export class VendorBook {
  #directory;

  constructor(directory) {
    this.#directory = directory;
  }

  /** Every submit, in order: `{key, deduplicated, accepted}`; the key is the attempt's id. */
  submits() {
    const file = join(this.#directory, 'submits.log');
    if (!existsSync(file)) return [];
    return readFileSync(file, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  /** Whether the vendor took the job of an attempt on, also when its process was killed before the line was written. */
  hasJob(attemptId) {
    return existsSync(join(this.#directory, `${createHash('sha256').update(attemptId).digest('hex')}.json`));
  }
}
