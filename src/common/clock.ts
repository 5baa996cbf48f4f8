import { Injectable } from '@nestjs/common';

/** The only source of time for domain code, so that tests can move it. */
@Injectable()
export class Clock {
  now(): Date {
    return new Date();
  }

  /** Milliseconds since the epoch. */
  nowMs(): number {
    return Date.now();
  }

  /** Milliseconds on a clock that never jumps; for durations only. */
  monotonicMs(): number {
    return performance.now();
  }
}
