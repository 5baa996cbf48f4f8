import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { mayCarrySecrets, redact, redactPaths, SecretRegistry } from './redaction.js';

describe('SecretRegistry', () => {
  it('replaces every seeded secret in each of its spellings', () => {
    const registry = new SecretRegistry();
    const secret = 'sk+live/"quoted"=canary';
    registry.add(secret, undefined, '', 'sk+live');
    const spellings = [secret, encodeURIComponent(secret), JSON.stringify({ secret }), Buffer.from(secret).toString('base64')];
    for (const spelling of spellings) {
      const shown = registry.redactText(`vendor said ${spelling} is wrong`);
      expect(shown).toContain('[redacted]');
      expect(shown).not.toMatch(/canary|quoted|sk\+live|c2srbGl2/);
    }
  });

  it('replaces a longer secret as a whole when it contains a shorter one', () => {
    expect(redact('abcdef-ghijkl', ['abcdef', 'abcdef-ghijkl'])).toBe('[redacted]');
  });

  it('leaves words alone that are too short to be secrets', () => {
    expect(redact('the mock answered', ['mock', 'the'])).toBe('the mock answered');
  });

  it('replaces credentials and encoded files that nobody registered', () => {
    const registry = new SecretRegistry();
    expect(registry.redactText('Authorization: Bearer abcdefghijk1.mno')).toBe('Authorization: Bearer [redacted]');
    expect(registry.redactText('the key reference_images is unknown')).toBe('the key reference_images is unknown');
    const base64 = Buffer.alloc(600, 7).toString('base64');
    expect(registry.redactText(`body {"b64_json":"${base64}"}`)).toBe('body {"b64_json":"[800 characters of base64]"}');
    expect(registry.redactText(`data:image/png;base64,${base64}!`)).toMatch(/^\[\d+ characters of base64\]!$/);
    const sha256 = 'a'.repeat(64);
    expect(registry.redactText(sha256)).toBe(sha256);
  });
});

describe('a text without end', () => {
  const registry = new SecretRegistry();
  registry.add('a-secret-of-this-test');
  const LENGTH = 30_000_000;

  it.each([
    ['base64', 'A'.repeat(LENGTH), /^\[30000000 characters of base64\]…/],
    ['base64 of a data: URL', `data:image/png;base64,${'A'.repeat(LENGTH)}==`, /^\[\d+ characters of base64\]…/],
    ['a credential', `Bearer ${'1a'.repeat(LENGTH / 2)}`, /^Bearer \[redacted\]…/],
    ['a credential without a digit', `Key ${'.'.repeat(LENGTH)}`, /^Key \.+…\.+$/],
    ['blanks behind a name', `Token${' '.repeat(LENGTH)}x`, /^Token +… +x$/],
    ['names', 'Key '.repeat(LENGTH / 4), /^(Key )+K?e?y?…/],
    ['data: URLs that begin', 'data:a/b'.repeat(LENGTH / 8), /^data:a/],
    ['runs that are a little too short', `${'A'.repeat(159)} `.repeat(LENGTH / 160), /^A{50}…/],
    ['backslashes', `${'\\'.repeat(LENGTH)}${'A'.repeat(200)}`, /\[\d+ characters of base64\]$/],
    ['nothing special', 'ä'.repeat(LENGTH), /^ä/],
  ])('is read: %s', (_name, text, shown) => {
    const redacted = registry.redactText(text);
    expect(`${redacted.slice(0, 50)}…${redacted.slice(-50)}`).toMatch(shown);
    expect(redacted.length).toBeLessThanOrEqual(text.length);
  });

  it.each(['\n', '\t', '\u0007', '"', '\\', '\\\\n'])('is JSON as before where it was: behind %j', (before) => {
    for (const hidden of ['A'.repeat(400), 'a-secret-of-this-test', 'Bearer abcdefghij123456', 'nnnn'.repeat(100)]) {
      const text = JSON.stringify({ message: `${before}${hidden} and more` });
      const redacted = registry.redactText(text);
      expect(redacted).not.toContain(hidden.slice(1));
      expect((JSON.parse(redacted) as { message: string }).message).toMatch(/ and more$/);
    }
  });
});

describe('redactPaths', () => {
  it('is understood by pino and hides what the names promise', () => {
    const lines: string[] = [];
    const logger = pino({ redact: { paths: redactPaths(), censor: '[redacted]' } }, { write: (line: string) => void lines.push(line) });
    logger.info({ req: { headers: { authorization: 'canary-1', cookie: 'canary-2', 'x-api-key': 'canary-3', accept: 'kept' } } });
    logger.info({ provider: { api_key: 'canary-4', options: { secret: 'canary-5' } }, password: 'canary-6' });
    expect(lines.join('')).not.toContain('canary');
    expect(lines.join('')).toContain('kept');
  });
});

describe('mayCarrySecrets', () => {
  it('lets nothing pass in which a path could find something', () => {
    const hidden = [
      { password: 'x' },
      { 'x-api-key': 'x' },
      { 'set-cookie': 'x' },
      { provider: { secret: 'x' } },
      { list: [{ token: 'x' }] },
    ];
    expect(hidden.map(mayCarrySecrets)).toEqual(hidden.map(() => true));
    expect(mayCarrySecrets({ message: 'POST /v1/keys 200', requestId: 'req_1', durationMs: 1.5, key: undefined, model: null })).toBe(false);
  });
});
