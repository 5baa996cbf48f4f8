import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { newSigningKey, serializedSecret, signatureHeaders, signerOf } from '../../src/engine/webhooks/endpoints/signing.policy.js';

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
const RECEIVER = 'examples/webhook-receiver';
const MESSAGE = { id: 'msg_0123456789abcdef', body: '{"type":"generation.completed","data":{"prompt":"naïve ✓"}}' };

interface Delivered {
  readonly secret: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A program around the sample in Go, which answers like the runners of the others. */
const GO_PROGRAM = `package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"samples/webhooks"
)

func main() {
	var given struct {
		Secret, Body string
		Headers      map[string]string
	}
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		panic(err)
	}
	headers := http.Header{}
	for name, value := range given.Headers {
		headers.Set(name, value)
	}
	if err := webhooks.Verify(given.Secret, headers, []byte(given.Body)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Print(given.Body)
}
`;

const goDirectory = join(tmpdir(), `litegen-go-sample-${process.pid}`);
const isThere = { node: true, python: spawnSync('python3', ['--version']).status === 0, go: spawnSync('go', ['version']).status === 0 };

/** Each runs the sample in its own runtime, reads `Delivered` from the standard input and prints the event. */
const RUNNERS = {
  node: [
    process.execPath,
    '--input-type=module',
    '--eval',
    `import { readFileSync } from 'node:fs';
     import { verifyWebhook } from ${JSON.stringify(new URL('../../examples/webhook-receiver/verify.mjs', import.meta.url).href)};
     const { secret, headers, body } = JSON.parse(readFileSync(0, 'utf8'));
     console.log(JSON.stringify(verifyWebhook(secret, headers, body)));`,
  ],
  python: [
    'python3',
    '-c',
    `import json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, ${JSON.stringify(path(RECEIVER))})
from verify import verify_webhook
given = json.load(sys.stdin)
print(json.dumps(verify_webhook(given["secret"], given["headers"], given["body"].encode())))`,
  ],
  go: [join(goDirectory, 'verify')],
} as const;

type Language = keyof typeof RUNNERS;

/** Compiled once: `go run` would compile it for each test. */
function buildGo(): void {
  cpSync(path(`${RECEIVER}/verify.go`), join(goDirectory, 'webhooks/verify.go'));
  writeFileSync(join(goDirectory, 'go.mod'), 'module samples\n\ngo 1.18\n');
  writeFileSync(join(goDirectory, 'main.go'), GO_PROGRAM);
  const env = { ...process.env, GOFLAGS: '', GOPROXY: 'off', GOCACHE: join(goDirectory, 'cache'), CGO_ENABLED: '0' };
  const { status, stderr } = spawnSync('go', ['build', '-o', 'verify', '.'], { cwd: goDirectory, env, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
}

function run(language: Language, given: Delivered): { event?: unknown; failure?: string } {
  const [command, ...args] = RUNNERS[language];
  const { status, stdout, stderr, error } = spawnSync(command, args, { input: JSON.stringify(given), encoding: 'utf8' });
  if (error !== undefined) throw error;
  return status === 0 ? { event: JSON.parse(stdout) } : { failure: stderr };
}

describe.each(['node', 'python', 'go'] as const)('the sample for %s', (language) => {
  const test = it.skipIf(!isThere[language]);
  const key = newSigningKey('hmac-sha256');
  const secret = serializedSecret(key.secret);
  const headers = signatureHeaders(MESSAGE, [signerOf(key)], Date.now());

  beforeAll(() => {
    if (language !== 'go' || !isThere.go) return undefined;
    buildGo();
    return () => rmSync(goDirectory, { recursive: true, force: true });
  }, 120_000);

  test('takes what the gateway signs, also during a rotation', () => {
    expect(run(language, { secret, headers, body: MESSAGE.body })).toEqual({ event: JSON.parse(MESSAGE.body) });
    const rotating = signatureHeaders(MESSAGE, [newSigningKey('hmac-sha256'), key].map(signerOf), Date.now());
    expect(run(language, { secret, headers: rotating, body: MESSAGE.body })).toEqual({ event: JSON.parse(MESSAGE.body) });
  });

  test.each([
    ['another body', { secret, headers, body: `${MESSAGE.body} ` }, /no signature matches/],
    ['another id', { secret, headers: { ...headers, 'webhook-id': 'msg_other' }, body: MESSAGE.body }, /no signature matches/],
    ['another secret', { secret: serializedSecret(newSigningKey('hmac-sha256').secret), headers, body: MESSAGE.body }, /no signature/],
    ['no signature', { secret, headers: { ...headers, 'webhook-signature': '' }, body: MESSAGE.body }, /no signature matches/],
    [
      'an old message',
      { secret, headers: signatureHeaders(MESSAGE, [signerOf(key)], Date.now() - 600_000), body: MESSAGE.body },
      /timestamp/,
    ],
    ['no timestamp', { secret, headers: { ...headers, 'webhook-timestamp': '' }, body: MESSAGE.body }, /timestamp/],
  ])('refuses %s', (_what, given, reason) => expect(run(language, given).failure).toMatch(reason));
});

describe('docs/use/webhooks.md', () => {
  it.each(['verify.mjs', 'verify.py', 'verify.go'])('shows %s as it is', (file) => {
    expect(readFileSync(path('docs/use/webhooks.md'), 'utf8')).toContain(`\n${readFileSync(path(`${RECEIVER}/${file}`), 'utf8')}\`\`\``);
  });
});
