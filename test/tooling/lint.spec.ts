import { resolve } from 'node:path';
import { ESLint } from 'eslint';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const CLOCK = 'Time comes from common/clock.';
const ENVIRONMENT = 'Only config reads the environment.';
const NETWORK = 'Only security opens outbound connections.';

/** Syntax alone is asked here: the planted files are in no program, so what needs types is off. */
const eslint = new ESLint({
  cwd: ROOT,
  overrideConfig: [
    {
      files: ['**/*.ts'],
      languageOptions: { parserOptions: { project: null } },
      rules: Object.fromEntries(
        ['no-floating-promises', 'no-misused-promises', 'await-thenable', 'switch-exhaustiveness-check', 'only-throw-error'].map((rule) => [
          `@typescript-eslint/${rule}`,
          'off',
        ]),
      ),
    },
  ],
});

async function complaints(path: string, text: string): Promise<string[]> {
  const results = await eslint.lintText(`${text}\n`, { filePath: resolve(ROOT, path) });
  return results.flatMap(({ messages }) => messages.map(({ message }) => message));
}

describe('time, settings and the network have one place', () => {
  it.each([
    ['src/policy/costs/x.service.ts', 'export const now = Date.now();', CLOCK],
    ['src/policy/costs/x.service.ts', 'export const now = new Date();', CLOCK],
    ['src/platform/security/x.ts', 'export const now = new Date();', CLOCK],
    ['src/policy/costs/x.service.ts', 'export const key = process.env.KEY;', ENVIRONMENT],
    ['src/app/main.ts', "import { env } from 'node:process';\nexport const key = env;", ENVIRONMENT],
    ['src/policy/costs/x.service.ts', "export const answer = fetch('https://example.test');", NETWORK],
    ['src/policy/costs/x.service.ts', "export const answer = globalThis.fetch('https://example.test');", NETWORK],
    ['src/policy/costs/x.service.ts', "import { request } from 'node:https';\nexport const ask = request;", NETWORK],
    ['src/policy/costs/x.service.ts', "import http from 'node:http';\nexport const ask = () => http.get('http://example.test');", NETWORK],
    ['src/policy/costs/x.service.ts', "import { Agent } from 'undici';\nexport const agent = Agent;", NETWORK],
    ['src/policy/costs/x.service.ts', "export const client = import('undici');", NETWORK],
    ['src/platform/config/x.ts', "import { connect } from 'node:net';\nexport const ask = connect;", NETWORK],
    ['plugins/acme/src/index.ts', 'export const key = process.env.KEY;', 'A plugin gets options and secrets from its host.'],
    [
      'plugins/acme/src/index.ts',
      "export const answer = fetch('https://example.test');",
      'A plugin reaches the network through call.fetch.',
    ],
  ])('%s must not say %s', async (path, text, message) => {
    expect(await complaints(path, text)).toEqual([message]);
  });

  it.each([
    ['src/platform/common/clock-and-ids.ts', 'export const now = Date.now();'],
    ['src/platform/config/load.ts', 'export const key = process.env.KEY;'],
    ['src/platform/security/pools.ts', "import { Agent } from 'undici';\nexport const agent = Agent;"],
    ['src/policy/costs/x.service.spec.ts', "export const answer = fetch('https://example.test');"],
    ['src/policy/costs/x.service.ts', "import type { Dispatcher } from 'undici';\nexport type D = Dispatcher;"],
    ['src/policy/costs/x.service.ts', "import { createServer } from 'node:http';\nexport const serve = createServer;"],
    ['src/policy/costs/x.service.ts', "import { isIP, type Socket } from 'node:net';\nexport const check = (_s: Socket) => isIP;"],
    ['src/policy/costs/x.service.ts', 'export const then = new Date(0);'],
    ['plugins/acme/src/index.ts', "export const answer = (call: { fetch(url: string): unknown }) => call.fetch('https://example.test');"],
  ])('%s may say %s', async (path, text) => {
    expect(await complaints(path, text)).toEqual([]);
  });
});
