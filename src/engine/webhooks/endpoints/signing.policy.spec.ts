import { createPublicKey, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isGenuine, isLitegenSignature } from '../../../../test/webhooks/verify.js';
import {
  jwkOf,
  newSigningKey,
  publicKeyOf,
  type SigningKey,
  serializedPublicKey,
  serializedSecret,
  signatureHeaders,
  signerOf,
} from './signing.policy.js';

/** The example that the libraries of Standard Webhooks test themselves with. */
const VECTOR = {
  secret: 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  body: '{"test": 2432232314}',
  timestamp: 1614265330,
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};

/** RFC 8032, section 7.1, test 1. */
const ED25519_SEED = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';
const ED25519_PUBLIC = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';

const NOW = 1_800_000_000_999;
const MESSAGE = { id: 'msg_1', body: '{"naïve":"✓"}' };

describe('signatures', () => {
  it('are those of the published example', () => {
    const key: SigningKey = { algorithm: 'hmac-sha256', secret: Buffer.from(VECTOR.secret, 'base64') };
    const headers = signatureHeaders(VECTOR, [signerOf(key)], VECTOR.timestamp * 1000 + 999);
    expect(headers).toMatchObject({
      'webhook-id': VECTOR.id,
      'webhook-timestamp': String(VECTOR.timestamp),
      'webhook-signature': VECTOR.signature,
    });
    expect(isGenuine(`whsec_${VECTOR.secret}`, headers, VECTOR.body)).toBe(true);
  });

  it('hold for the message, its id and its time, and for nothing else', () => {
    const key = newSigningKey('hmac-sha256');
    const secret = serializedSecret(key.secret);
    const headers = signatureHeaders(MESSAGE, [signerOf(key)], NOW);
    expect(Buffer.from(secret.slice('whsec_'.length), 'base64')).toHaveLength(32);
    expect(isGenuine(secret, headers, MESSAGE.body)).toBe(true);
    expect(isGenuine(secret, { ...headers, 'webhook-id': 'msg_2' }, MESSAGE.body)).toBe(false);
    expect(isGenuine(secret, { ...headers, 'webhook-timestamp': '1800000001' }, MESSAGE.body)).toBe(false);
    expect(isGenuine(serializedSecret(newSigningKey('hmac-sha256').secret), headers, MESSAGE.body)).toBe(false);
    expect(isLitegenSignature(secret, headers['x-litegen-signature'], MESSAGE.body)).toBe(true);
  });

  it('stand side by side while a rotation lasts, also across algorithms', () => {
    const [old, fresh] = [newSigningKey('hmac-sha256'), newSigningKey('hmac-sha256')];
    const headers = signatureHeaders(MESSAGE, [fresh, old].map(signerOf), NOW);
    for (const key of [old, fresh]) expect(isGenuine(serializedSecret(key.secret), headers, MESSAGE.body)).toBe(true);
    expect(isLitegenSignature(serializedSecret(fresh.secret), headers['x-litegen-signature'], MESSAGE.body)).toBe(true);
    expect(isLitegenSignature(serializedSecret(old.secret), headers['x-litegen-signature-previous'], MESSAGE.body)).toBe(true);

    const asymmetric = newSigningKey('ed25519');
    const mixed = signatureHeaders(MESSAGE, [asymmetric, old].map(signerOf), NOW);
    expect(mixed['webhook-signature']).toMatch(/^v1a,\S+ v1,\S+$/);
    expect(isGenuine(serializedPublicKey(publicKeyOf(asymmetric) ?? ''), mixed, MESSAGE.body)).toBe(true);
    expect(isGenuine(serializedSecret(old.secret), mixed, MESSAGE.body)).toBe(true);
    expect(mixed['x-litegen-signature']).toBeUndefined();
  });

  it('are verified by Ed25519 keys as RFC 8032 and RFC 8037 write them', () => {
    const key: SigningKey = { algorithm: 'ed25519', secret: Buffer.from(ED25519_SEED, 'hex') };
    const publicKey = publicKeyOf(key) ?? '';
    expect(Buffer.from(publicKey, 'base64').toString('hex')).toBe(ED25519_PUBLIC);
    const jwk = jwkOf(publicKey);
    // RFC 8037, appendix A.3: the thumbprint of this very key.
    expect(jwk).toMatchObject({ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', kid: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k' });
    const headers = signatureHeaders(MESSAGE, [signerOf(key)], NOW);
    const content = Buffer.from(`${MESSAGE.id}.${headers['webhook-timestamp']}.${MESSAGE.body}`);
    const signature = Buffer.from(headers['webhook-signature']?.slice('v1a,'.length) ?? '', 'base64');
    expect(verify(null, content, createPublicKey({ key: { ...jwk }, format: 'jwk' }), signature)).toBe(true);
    expect(publicKeyOf(newSigningKey('hmac-sha256'))).toBeUndefined();
  });
});
