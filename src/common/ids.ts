import { randomFillSync } from 'node:crypto';

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

/** An opaque id: a prefix and 128 random bits in hex. It carries no meaning and matches `[A-Za-z0-9_-]+`. */
export function newId(prefix: IdPrefix): string {
  return `${prefix}-${randomHex()}`;
}
