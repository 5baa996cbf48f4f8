import { createHmac, randomBytes } from 'node:crypto';

const SECRET_PREFIX = 'sk_live_';
const PUBLIC_PREFIX = 'pk_live_';
const SECRET_BYTES = 24;
const PUBLIC_BYTES = 12;
/** How much of a secret may be shown. */
export const SHOWN_CHARACTERS = 16;

/** `sk_live_` and 48 hex characters: 192 random bits, in LiteGen's format. */
export function newSecret(): string {
  return SECRET_PREFIX + randomBytes(SECRET_BYTES).toString('hex');
}

/** `pk_live_` and 24 hex characters. */
export function newPublicId(): string {
  return PUBLIC_PREFIX + randomBytes(PUBLIC_BYTES).toString('hex');
}

/** A copy of the database without the pepper cannot be searched for known keys; a slow hash is needless for random secrets. */
export function hashSecret(pepper: Buffer, secret: string): string {
  return createHmac('sha256', pepper).update(secret).digest('hex');
}
