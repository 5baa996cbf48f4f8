import { createCipheriv, createDecipheriv, createHmac, hash, hkdfSync, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';

const VERSION = 'v1';
const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Keys by id. `current` seals; every key opens what it sealed, so that rotation needs no downtime. */
export interface KeyRing {
  readonly current: string;
  readonly keys: ReadonlyMap<string, Uint8Array>;
}

/** A sealed value that was changed, moved to another record, or sealed by a key that is gone. */
export class SealError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'SealError';
  }
}

function keyOf(ring: KeyRing, id: string): Uint8Array {
  const key = ring.keys.get(id);
  if (key === undefined) throw new SealError(`there is no key "${id}"`);
  if (key.byteLength !== KEY_BYTES) throw new SealError(`the key "${id}" is not ${KEY_BYTES} bytes long`);
  return key;
}

const aadOf = (keyId: string, context: string): Buffer => Buffer.from(`${VERSION}\n${keyId}\n${context}`);

/**
 * Encrypts with AES-256-GCM. `context` names the record that the value belongs to and must be the same to open it, so a
 * sealed value cannot be copied to another record. The result is `v1.<key id>.<base64url>`.
 */
export function seal(ring: KeyRing, plaintext: Uint8Array | string, context: string): string {
  if (!/^[\w-]+$/.test(ring.current)) throw new SealError('a key id is made of letters, digits, hyphens and underscores');
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(ring, ring.current), nonce).setAAD(aadOf(ring.current, context));
  const body = Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  return `${VERSION}.${ring.current}.${body.toString('base64url')}`;
}

/** @throws SealError */
export function open(ring: KeyRing, sealed: string, context: string): Buffer {
  const [version, keyId, body, ...rest] = sealed.split('.');
  if (version !== VERSION || keyId === undefined || body === undefined || rest.length > 0) throw new SealError('not a sealed value');
  const bytes = Buffer.from(body, 'base64url');
  if (bytes.length < NONCE_BYTES + TAG_BYTES) throw new SealError('the sealed value is cut short');
  const decipher = createDecipheriv(CIPHER, keyOf(ring, keyId), bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(aadOf(keyId, context)).setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch (error) {
    throw new SealError('the sealed value does not hold: it was changed, or belongs to another record', error);
  }
}

/** A key for one purpose, so that no key serves two. */
export function deriveKey(root: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', root, new Uint8Array(), `litegen ${purpose}`, KEY_BYTES));
}

/** A `KeyObject` is by far the cheapest for a key that is used again. */
export function hmacSha256(key: KeyObject | string, data: Uint8Array | string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** Compares without telling, by its duration, where the difference is or how long the expected value was. */
export function constantTimeEqual(a: Uint8Array | string, b: Uint8Array | string): boolean {
  return timingSafeEqual(hash('sha256', a, 'buffer'), hash('sha256', b, 'buffer'));
}
