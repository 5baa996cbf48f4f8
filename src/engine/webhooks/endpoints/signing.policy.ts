import { createHash, createPrivateKey, createPublicKey, createSecretKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { hmacSha256 } from '../../../platform/security/index.js';
import type { Algorithm } from './webhooks.types.js';

/** Standard Webhooks 1.0 asks for 24 to 64 bytes; an Ed25519 seed has 32. */
const SECRET_BYTES = 32;
const SYMMETRIC_PREFIX = 'whsec_';
const PUBLIC_PREFIX = 'whpk_';
/** RFC 8410: what stands before the 32 bytes of an Ed25519 seed in PKCS #8. */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');
const MS_PER_SECOND = 1000;

/** A secret that signs: the HMAC key, or the seed of an Ed25519 key. */
export interface SigningKey {
  readonly algorithm: Algorithm;
  readonly secret: Buffer;
}

/** A key that is ready to sign, again and again. */
export interface Signer {
  readonly algorithm: Algorithm;
  readonly key: KeyObject;
  /** Signs for receivers of LiteGen's own header; undefined for Ed25519, which it never had. */
  readonly legacyKey: KeyObject | undefined;
}

export interface SignedMessage {
  /** `webhook-id`; contains no full stop. */
  readonly id: string;
  readonly body: string;
}

export interface Jwk {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  /** Base64url of the 32 bytes. */
  readonly x: string;
  readonly use: 'sig';
  readonly alg: 'EdDSA';
  readonly kid: string;
}

export function newSigningKey(algorithm: Algorithm): SigningKey {
  return { algorithm, secret: randomBytes(SECRET_BYTES) };
}

/** `whsec_…`, as receivers' libraries take it. */
export function serializedSecret(secret: Buffer): string {
  return `${SYMMETRIC_PREFIX}${secret.toString('base64')}`;
}

/** Base64 of the 32 bytes; undefined for a symmetric key, which has no public half. */
export function publicKeyOf({ algorithm, secret }: SigningKey): string | undefined {
  if (algorithm !== 'ed25519') return undefined;
  const { x } = createPublicKey(privateKey(secret)).export({ format: 'jwk' });
  return Buffer.from(x ?? '', 'base64url').toString('base64');
}

/** `whpk_…` */
export function serializedPublicKey(publicKey: string): string {
  return `${PUBLIC_PREFIX}${publicKey}`;
}

/** RFC 8037, named by its RFC 7638 thumbprint. */
export function jwkOf(publicKey: string): Jwk {
  const x = Buffer.from(publicKey, 'base64').toString('base64url');
  const kid = createHash('sha256')
    .update(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }))
    .digest('base64url');
  return { kty: 'OKP', crv: 'Ed25519', x, use: 'sig', alg: 'EdDSA', kid };
}

export function signerOf({ algorithm, secret }: SigningKey): Signer {
  if (algorithm === 'ed25519') return { algorithm, key: privateKey(secret), legacyKey: undefined };
  // LiteGen's key is the secret's text, as LiteGen's was text too.
  return { algorithm, key: createSecretKey(secret), legacyKey: createSecretKey(Buffer.from(serializedSecret(secret))) };
}

/**
 * The headers by which a receiver knows who sent a message.
 * @param signers the current key's first, then that of what a rotation replaced and is still good
 * @param nowMs the time of this attempt
 */
export function signatureHeaders({ id, body }: SignedMessage, signers: readonly Signer[], nowMs: number): Record<string, string> {
  const timestamp = Math.floor(nowMs / MS_PER_SECOND);
  const content = `${id}.${timestamp}.${body}`;
  const [current, previous] = signers.map((signer) => legacySignature(signer, body));
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signers.map((signer) => standardSignature(signer, content)).join(' '),
    ...(current === undefined ? {} : { 'x-litegen-signature': current }),
    ...(previous === undefined ? {} : { 'x-litegen-signature-previous': previous }),
  };
}

function standardSignature({ algorithm, key }: Signer, content: string): string {
  if (algorithm === 'hmac-sha256') return `v1,${hmacSha256(key, content).toString('base64')}`;
  return `v1a,${sign(null, Buffer.from(content), key).toString('base64')}`;
}

/** LiteGen's own header covers the body alone. */
function legacySignature({ legacyKey }: Signer, body: string): string | undefined {
  return legacyKey === undefined ? undefined : `sha256=${hmacSha256(legacyKey, body).toString('hex')}`;
}

function privateKey(seed: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, seed]), format: 'der', type: 'pkcs8' });
}
