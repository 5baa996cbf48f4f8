import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startGateway } from '../support/gateway.js';

/** Large, and only needed by what a gateway with default settings does not do until it is asked. */
const NOT_AT_START = ['@nestjs/swagger', 'es-toolkit', 'file-type', 'libphonenumber-js'];

const coverage = mkdtempSync(join(tmpdir(), 'litegen-modules-'));

/** The packages of which a gateway had loaded a script by its end. */
function packagesLoaded(): string[] {
  const urls = readdirSync(coverage).flatMap((file) => {
    const { result } = JSON.parse(readFileSync(join(coverage, file), 'utf8')) as { readonly result: readonly { readonly url: string }[] };
    return result.map(({ url }) => url);
  });
  return [...new Set(urls.flatMap((url) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []))];
}

it('a start loads no library that it does not need', async () => {
  const gateway = await startGateway({ env: { NODE_V8_COVERAGE: coverage } });
  expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200);
  expect(await gateway.stop()).toBe(0);
  const loaded = packagesLoaded();
  // Or it would look at nothing.
  expect(loaded).toEqual(expect.arrayContaining(['@nestjs/core', 'fastify', 'typeorm']));
  expect(loaded.filter((name) => NOT_AT_START.includes(name))).toEqual([]);
  rmSync(coverage, { recursive: true });
});

it('serves the document and its page without the library that generated them', async () => {
  const gateway = await startGateway();
  const generated = JSON.parse(readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8')) as object;
  const served = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as object;
  expect(served).toEqual({ ...generated, servers: [{ url: expect.stringMatching(/^(\/|http)/), description: 'This gateway' }] });
  for (const path of ['/docs', '/docs/', '/docs/index.html', '/docs/swagger-ui.css', '/docs/swagger-ui-init.js']) {
    expect([path, (await fetch(`${gateway.url}${path}`)).status]).toEqual([path, 200]);
  }
  expect(await (await fetch(`${gateway.url}/docs`)).text()).toContain('<title>LiteGen API</title>');
  expect(await (await fetch(`${gateway.url}/docs/swagger-ui-init.js`)).text()).toContain('"/v1/images/generations"');
  expect(await gateway.stop()).toBe(0);
});
