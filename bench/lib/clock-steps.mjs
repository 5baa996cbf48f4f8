// Clocks that jump: every process with these options goes by its own clock plus what was stepped, as after a correction by NTP.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const STEPPED_CLOCK = fileURLToPath(new URL('../stepped-clock.mjs', import.meta.url));

export function clockSteps() {
  const folder = mkdtempSync(join(tmpdir(), 'litegen-clock-'));
  const file = join(folder, 'offset-ms');
  let offsetMs = 0;
  writeFileSync(file, '0');
  return {
    environment: { STEPPED_CLOCK_FILE: file },
    nodeOptions: ['--import', STEPPED_CLOCK],
    /** All of them together, seconds forward or, below 0, back. */
    step(seconds) {
      offsetMs += seconds * 1000;
      writeFileSync(`${file}.new`, String(offsetMs));
      renameSync(`${file}.new`, file);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
