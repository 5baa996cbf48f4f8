import { Injectable } from '@nestjs/common';

/** How far the clocks of replicas may lie apart. */
export const CLOCK_SLACK_MS = 5_000;

/**
 * The only source of time for domain code, so that tests can move it. Between two corrections it runs on evenly, whatever is done to the
 * clock of the machine: what waits for a time waits as long as it was to.
 */
@Injectable()
export class Clock {
  private offsetMs = Date.now() - performance.now();

  now(): Date {
    return new Date(this.nowMs());
  }

  /** Milliseconds since the epoch. */
  nowMs(): number {
    return Math.floor(performance.now() + this.offsetMs);
  }

  /** Milliseconds on a clock that never jumps; for durations only. */
  monotonicMs(): number {
    return performance.now();
  }

  /** Milliseconds since the epoch by the clock of the machine, which may step at any moment. */
  machineMs(): number {
    return Date.now();
  }

  /** @returns by how many milliseconds this moved it */
  correct(nowMs: number): number {
    const movedMs = nowMs - (performance.now() + this.offsetMs);
    this.offsetMs += movedMs;
    return movedMs;
  }
}
