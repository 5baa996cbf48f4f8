import { createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/**
 * A receiver's check, written from the text of Standard Webhooks 1.0 and independent of the gateway's code.
 * @param key `whsec_…` or `whpk_…`
 */
export function isGenuine(key: string, headers: IncomingHttpHeaders, body: string): boolean {
  const content = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  return String(headers['webhook-signature'])
    .split(' ')
    .some((entry) => {
      const [version, signature = ''] = entry.split(',');
      const given = Buffer.from(signature, 'base64');
      if (version === 'v1' && key.startsWith('whsec_')) {
        const expected = createHmac('sha256', Buffer.from(key.slice('whsec_'.length), 'base64'))
          .update(content)
          .digest();
        return given.length === expected.length && timingSafeEqual(given, expected);
      }
      if (version !== 'v1a' || !key.startsWith('whpk_')) return false;
      const x = Buffer.from(key.slice('whpk_'.length), 'base64').toString('base64url');
      return verify(null, Buffer.from(content), createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }), given);
    });
}

/** LiteGen's own header: the HMAC of the body under the secret's text. */
export function isLitegenSignature(secret: string, value: unknown, body: string): boolean {
  return value === `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}
