import { randomBytes } from 'node:crypto';

/** What an id names; the prefix of LiteGen's contract. */
export type IdPrefix = 'litegen-img' | 'litegen-vid' | 'attempt' | 'asset' | 'key' | 'req' | 'replica' | 'budget' | 'posting' | 'refund';

/** An opaque id: a prefix and 128 random bits in hex. It carries no meaning and matches `[A-Za-z0-9_-]+`. */
export function newId(prefix: IdPrefix): string {
  return `${prefix}-${randomBytes(16).toString('hex')}`;
}
