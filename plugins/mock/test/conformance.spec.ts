import { conformanceChecks } from '@litegen/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import plugin from '../src/index.js';

// The mock vendor lives inside the plugin: there are no HTTP requests to fail, so the checks that break them do not apply.
const NEEDS_HTTP = [
  /^start under /,
  /^status under /,
  /^start on a vendor/,
  /^start: /,
  /^abort: a call given up after/,
  /^abort: a status/,
  /^check: /,
  /^answers: /,
];
const NO_ANSWERS_TO_FUZZ = /^fuzz: no JSON answer/;

const checks = conformanceChecks({
  packageDirectory: new URL('..', import.meta.url),
  plugin,
  vendor: { start: async () => ({ baseUrl: 'http://127.0.0.1:9', close: async () => undefined }) },
  fuzzCases: 120,
}).filter(({ name }) => ![...NEEDS_HTTP, NO_ANSWERS_TO_FUZZ].some((pattern) => pattern.test(name)));

describe('the mock plugin keeps the plugin contract', () => {
  it('is checked at all', () => {
    expect(checks.length).toBeGreaterThanOrEqual(10);
  });

  for (const check of checks) {
    it(check.name, async () => {
      expect(['passed', 'not_applicable']).toContain(await check.run());
    });
  }
});
