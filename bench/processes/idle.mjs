// A process that does nothing but watch its own event loop: what the machine alone does to whoever runs on it.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { answerCalls } from './answer-calls.mjs';

const RESOLUTION_MS = 1;
const NANOSECONDS_PER_MS = 1e6;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

answerCalls({
  start: () => {
    delay.reset();
    delay.enable();
  },
  stop: () => {
    delay.disable();
    return Math.max(0, delay.max / NANOSECONDS_PER_MS - RESOLUTION_MS);
  },
});
