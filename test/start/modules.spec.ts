import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { startGateway } from '../support/gateway.js';

/** Large, and only needed by what a gateway with default settings does not do until it is asked. */
const NOT_AT_START = ['@nestjs/swagger', 'es-toolkit', 'file-type', 'libphonenumber-js'];

/** Drivers of databases that the gateway does not know, and that of Postgres, on SQLite. */
const DRIVERS = ['Mysql', 'Mongo', 'SqlServer', 'Postgres'];

const coverage = mkdtempSync(join(tmpdir(), 'litegen-modules-'));

/** The files, below `node_modules`, that a gateway had loaded by its end. */
function filesLoaded(): string[] {
  return readdirSync(coverage).flatMap((file) => {
    const { result } = JSON.parse(readFileSync(join(coverage, file), 'utf8')) as { readonly result: readonly { readonly url: string }[] };
    return result.flatMap(({ url }) => /.*node_modules\/(.*)/.exec(url)?.[1] ?? []);
  });
}

it('a start loads no library that it does not need', async () => {
  const gateway = await startGateway({ env: { NODE_V8_COVERAGE: coverage, NODE_DISABLE_COMPILE_CACHE: '1' } });
  expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200);
  expect(await gateway.stop()).toBe(0);
  const files = filesLoaded();
  const packages = new Set(files.flatMap((file) => /^(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []));
  const drivers = new Set(files.flatMap((file) => /^typeorm\/driver\/.*?(\w+)Driver\.js$/.exec(file)?.[1] ?? []));
  // Or it would look at nothing.
  expect([...packages]).toEqual(expect.arrayContaining(['@nestjs/core', 'fastify', 'typeorm']));
  expect([...drivers]).toContain('Sqlite');
  expect(NOT_AT_START.filter((name) => packages.has(name))).toEqual([]);
  expect(DRIVERS.filter((name) => drivers.has(name))).toEqual([]);
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

it.runIf(Number.parseInt(process.versions.node, 10) >= 22)('a start leaves what it compiled to the next', async () => {
  const compiled = new URL('../../dist/.compile-cache', import.meta.url);
  rmSync(compiled, { recursive: true, force: true });
  const gateway = await startGateway();
  expect(await gateway.stop()).toBe(0);
  expect(existsSync(compiled)).toBe(true);
});

it('a start does without, where nothing may be written', async () => {
  // There is a file in the way, which stops whoever starts it.
  const gateway = await startGateway({ env: { NODE_COMPILE_CACHE: `${fileURLToPath(import.meta.url)}/compiled` } });
  expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200);
  expect(await gateway.stop()).toBe(0);
});
