// Loaded into the gateway with `--import` where its event loop or its memory is watched. Does nothing until it is asked over IPC.
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const RESOLUTION_MS = 1;
const NANOSECONDS_PER_MS = 1e6;

if (isMainThread && process.channel) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  let longestPauseMs = 0;
  const pauses = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longestPauseMs = Math.max(longestPauseMs, duration);
  });
  const functions = {
    start: () => {
      delay.reset();
      delay.enable();
      longestPauseMs = 0;
      pauses.observe({ entryTypes: ['gc'] });
    },
    /** What lies between two ticks beyond the interval itself. */
    stop: () => {
      delay.disable();
      pauses.disconnect();
      const stall = (nanoseconds) => Math.max(0, nanoseconds / NANOSECONDS_PER_MS - RESOLUTION_MS);
      return { longestStallMs: stall(delay.max), stallP99Ms: stall(delay.percentile(99)), longestPauseMs };
    },
    /** Bytes that are in use after a full collection. */
    live: () => {
      globalThis.gc?.();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    },
  };
  process.on('message', ({ id, method }) => process.send({ id, result: functions[method]?.() ?? null }));
  // Must not keep a gateway alive that wants to end.
  process.channel.unref();
}
