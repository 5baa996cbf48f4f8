import { Session } from 'node:inspector/promises';
import { performance } from 'node:perf_hooks';

const LOOK_EVERY_MS = 1000;
/** A share of the time between two looks. */
const QUIET_UTILIZATION = 0.1;

/**
 * Loading the modules leaves about 60 MB of garbage that V8 keeps, and the space it grew for it, until there is reason to collect. It is
 * collected once, in the first second without much to do, since this stops the event loop for about 0.1 s.
 * @param everyMs how often to look whether there is little to do
 */
export function collectStartupGarbage(everyMs = LOOK_EVERY_MS): void {
  let before = performance.eventLoopUtilization();
  const timer = setInterval(() => {
    const { utilization } = performance.eventLoopUtilization(before);
    before = performance.eventLoopUtilization();
    if (utilization > QUIET_UTILIZATION) return;
    clearInterval(timer);
    void collect();
  }, everyMs);
  timer.unref();
}

/** As `--expose-gc` would, but this also gives memory back, and needs no flag. */
async function collect(): Promise<void> {
  const session = new Session();
  try {
    session.connect();
    await session.post('HeapProfiler.collectGarbage');
  } catch {
    // A Node without an inspector. Nothing is wrong with a process that is larger.
  } finally {
    session.disconnect();
  }
}
