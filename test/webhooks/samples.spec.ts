import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { newSigningKey, serializedSecret, signatureHeaders } from '../../src/webhooks/signing.policy.js';

const path = (relative: string) => fileURLToPath(new URL(`../../docs/${relative}`, import.meta.url));
const MESSAGE = { id: 'msg_0123456789abcdef', body: '{"type":"generation.completed","data":{"prompt":"naïve ✓"}}' };

interface Delivered {
  readonly secret: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Each runs the sample in its own runtime, reads `Delivered` from the standard input and prints the event. */
const RUNNERS = {
  node: [
    process.execPath,
    '--input-type=module',
    '--eval',
    `import { readFileSync } from 'node:fs';
     import { verifyWebhook } from ${JSON.stringify(new URL('../../docs/samples/webhooks/verify.mjs', import.meta.url).href)};
     const { secret, headers, body } = JSON.parse(readFileSync(0, 'utf8'));
     console.log(JSON.stringify(verifyWebhook(secret, headers, body)));`,
  ],
  python: [
    'python3',
    '-c',
    `import json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, ${JSON.stringify(path('samples/webhooks'))})
from verify import verify_webhook
given = json.load(sys.stdin)
print(json.dumps(verify_webhook(given["secret"], given["headers"], given["body"].encode())))`,
  ],
} as const;

function run(language: keyof typeof RUNNERS, given: Delivered): { event?: unknown; failure?: string } {
  const [command, ...args] = RUNNERS[language];
  const { status, stdout, stderr, error } = spawnSync(command, args, { input: JSON.stringify(given), encoding: 'utf8' });
  if (error !== undefined) throw error;
  return status === 0 ? { event: JSON.parse(stdout) } : { failure: stderr };
}

describe.each(['node', 'python'] as const)('the sample for %s', (language) => {
  const key = newSigningKey('hmac-sha256');
  const secret = serializedSecret(key.secret);
  const headers = signatureHeaders(MESSAGE, [key], Date.now());

  it('takes what the gateway signs, also during a rotation', () => {
    expect(run(language, { secret, headers, body: MESSAGE.body })).toEqual({ event: JSON.parse(MESSAGE.body) });
    const rotating = signatureHeaders(MESSAGE, [newSigningKey('hmac-sha256'), key], Date.now());
    expect(run(language, { secret, headers: rotating, body: MESSAGE.body })).toEqual({ event: JSON.parse(MESSAGE.body) });
  });

  it.each([
    ['another body', { secret, headers, body: `${MESSAGE.body} ` }, /no signature matches/],
    ['another id', { secret, headers: { ...headers, 'webhook-id': 'msg_other' }, body: MESSAGE.body }, /no signature matches/],
    ['another secret', { secret: serializedSecret(newSigningKey('hmac-sha256').secret), headers, body: MESSAGE.body }, /no signature/],
    ['no signature', { secret, headers: { ...headers, 'webhook-signature': '' }, body: MESSAGE.body }, /no signature matches/],
    ['an old message', { secret, headers: signatureHeaders(MESSAGE, [key], Date.now() - 600_000), body: MESSAGE.body }, /timestamp/],
    ['no timestamp', { secret, headers: { ...headers, 'webhook-timestamp': '' }, body: MESSAGE.body }, /timestamp/],
  ])('refuses %s', (_what, given, reason) => expect(run(language, given).failure).toMatch(reason));
});

describe('docs/webhooks.md', () => {
  it.each(['verify.mjs', 'verify.py', 'verify.go'])('shows %s as it is', (file) => {
    expect(readFileSync(path('webhooks.md'), 'utf8')).toContain(`\n${readFileSync(path(`samples/webhooks/${file}`), 'utf8')}\`\`\``);
  });
});
