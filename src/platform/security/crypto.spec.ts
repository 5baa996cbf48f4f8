import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { constantTimeEqual, deriveKey, hmacSha256, type KeyRing, open, SealError, seal } from './crypto.js';

const keys = new Map([
  ['old', randomBytes(32)],
  ['new', randomBytes(32)],
]);
const ring: KeyRing = { current: 'new', keys };

describe('seal', () => {
  it('opens for the same record only, and never looks the same twice', () => {
    const sealed = seal(ring, 'sk-secret', 'org-1/key-1');
    expect(open(ring, sealed, 'org-1/key-1').toString()).toBe('sk-secret');
    expect(sealed).not.toContain('secret');
    expect(seal(ring, 'sk-secret', 'org-1/key-1')).not.toBe(sealed);
    expect(() => open(ring, sealed, 'org-2/key-1')).toThrow(SealError);
  });

  it('opens what an older key sealed, and nothing when that key is gone', () => {
    const sealed = seal({ current: 'old', keys }, 'value', 'c');
    expect(open(ring, sealed, 'c').toString()).toBe('value');
    expect(() => open({ current: 'new', keys: new Map([['new', keys.get('new') as Buffer]]) }, sealed, 'c')).toThrow(/no key "old"/);
  });

  it('notices every changed character', () => {
    const sealed = seal(ring, 'value', 'c');
    for (let at = 0; at < sealed.length; at += 1) {
      // The last character carries bits that base64url leaves unused.
      if (at === sealed.length - 1) continue;
      const changed = `${sealed.slice(0, at)}${sealed[at] === 'A' ? 'B' : 'A'}${sealed.slice(at + 1)}`;
      expect(() => open(ring, changed, 'c'), changed).toThrow(SealError);
    }
    for (const broken of ['', 'v1', 'v1.new', 'v1.new.AAAA', `${sealed}.x`, sealed.slice(0, -8)])
      expect(() => open(ring, broken, 'c')).toThrow(SealError);
  });

  it('refuses a key of the wrong length', () => {
    expect(() => seal({ current: 'k', keys: new Map([['k', randomBytes(16)]]) }, 'x', 'c')).toThrow(/32 bytes/);
  });
});

describe('keys and digests', () => {
  it('derives a different key for each purpose', () => {
    const root = randomBytes(32);
    expect(deriveKey(root, 'links')).toEqual(deriveKey(root, 'links'));
    expect(deriveKey(root, 'links')).not.toEqual(deriveKey(root, 'keys'));
    expect(deriveKey(root, 'links')).toHaveLength(32);
  });

  it('agrees with RFC 4231, test case 2', () => {
    const expected = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
    expect(hmacSha256('Jefe', 'what do ya want for nothing?').toString('hex')).toBe(expected);
  });

  it('compares texts and bytes of any length', () => {
    expect(constantTimeEqual('abc', Buffer.from('abc'))).toBe(true);
    expect(constantTimeEqual('abc', 'abd')).toBe(false);
    expect(constantTimeEqual('abc', 'abcd')).toBe(false);
  });
});
