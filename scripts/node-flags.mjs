import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './files.mjs';

/**
 * The flags of Node with which the gateway runs, as `npm start` has them: the one place, from which all that starts a gateway takes them.
 * `docs/operate/performance.md` says why they are there.
 */
export function nodeFlags() {
  const { start } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts;
  return start.split(' ').filter((word) => word.startsWith('--'));
}
