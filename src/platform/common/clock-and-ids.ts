import { randomFillSync } from 'node:crypto';
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

/** What an id names; the prefix of LiteGen's contract. */
export type IdPrefix =
  | 'litegen-img'
  | 'litegen-vid'
  | 'attempt'
  | 'asset'
  | 'key'
  | 'req'
  | 'replica'
  | 'budget'
  | 'posting'
  | 'refund'
  | 'quote';

const RANDOM_BYTES = 16;
const clock = new Clock();
const TIME_DIGITS = 12;
/** Random bytes for many ids at once: asking for them costs more than they do. */
const pool = Buffer.allocUnsafeSlow(256 * RANDOM_BYTES);
let used = pool.length;

/** 128 random bits as 32 hexadecimal digits. */
export function randomHex(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const start = used;
  used += RANDOM_BYTES;
  return pool.toString('hex', start, used);
}

/**
 * 32 hexadecimal digits of which the first 12 are the time in milliseconds and the others 80 random bits. Rows that are made together lie
 * together in every index by them, so that few pages change; nothing reads the time out of them.
 */
export function orderedHex(): string {
  return `${clock.machineMs().toString(16).padStart(TIME_DIGITS, '0')}${randomHex().slice(TIME_DIGITS)}`;
}

/** An opaque id: a prefix and {@link orderedHex}. It matches `[A-Za-z0-9_-]+`. */
export function newId(prefix: IdPrefix): string {
  return `${prefix}-${orderedHex()}`;
}

const REQUEST_ID_DIGITS = 24;

/** For a request whose client named none. */
export function newRequestId(): string {
  return `req_${randomHex().slice(0, REQUEST_ID_DIGITS)}`;
}
