import { randomFillSync } from 'node:crypto';
import { Clock } from './clock.js';

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
