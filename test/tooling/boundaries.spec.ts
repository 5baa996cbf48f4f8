import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const CRUISER = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');

/** A small house that keeps every wall. */
const SOUND: Record<string, string> = {
  'src/main.ts': "import { ImagesModule } from './images/index.js';\nexport const root = ImagesModule;\n",
  'src/common/index.ts': "export const now = 'clock';\n",
  'src/catalog/index.ts': "export { price } from './prices.js';\n",
  'src/catalog/prices.ts': "import { now } from '../common/index.js';\nexport const price = now;\n",
  'src/generations/index.ts': "export { run } from './generations.service.js';\n",
  'src/generations/generations.service.ts': "import { price } from '../catalog/index.js';\nexport const run = price;\n",
  'src/generations/generations.repository.ts': "import { Entity } from 'typeorm';\nexport const entity = Entity;\n",
  'src/images/index.ts': "import { run } from '../generations/index.js';\nexport const ImagesModule = run;\n",
  'packages/plugin-sdk/src/index.ts': 'export const spec = 1;\n',
  'packages/plugin-sdk/src/testing/index.ts': 'export const kit = 1;\n',
  'plugins/acme/src/index.ts': "import { spec } from '@litegen/plugin-sdk';\nexport default spec;\n",
  'plugins/acme/src/index.spec.ts': "import { kit } from '@litegen/plugin-sdk/testing';\nexport default kit;\n",
  'plugins/other/src/index.ts': 'export default 1;\n',
};

/** Each breaks one wall: what it is, the file, its text, the rule that has to say so. */
const PLANTED: [what: string, path: string, text: string, rule: string][] = [
  ['a plugin that imports the gateway', 'plugins/acme/src/gateway.ts', "import '../../../src/catalog/index.js';", 'plugin-alone'],
  ['a plugin that imports another', 'plugins/acme/src/neighbour.ts', "import '../../other/src/index.js';", 'plugin-alone'],
  ['a plugin that ships the test kit', 'plugins/acme/src/kit.ts', "import '@litegen/plugin-sdk/testing';", 'plugin-ships-no-tests'],
  ['a plugin that opens connections', 'plugins/acme/src/connection.ts', "import 'undici';", 'undici-in-security'],
  [
    'a contract that knows the gateway',
    'packages/plugin-sdk/src/gateway.ts',
    "import '../../../src/common/index.js';",
    'packages-beside-the-house',
  ],
  ['a gateway that imports a plugin', 'src/plugin.ts', "import '../plugins/acme/src/index.js';", 'plugins-are-loaded-not-imported'],
  ['ground that knows a module above it', 'src/common/above.ts', "import '../images/index.js';", 'floor-ground'],
  ['knowledge that knows the engine', 'src/catalog/above.ts', "import '../generations/index.js';", 'floor-knowledge'],
  ['judgement that knows the engine', 'src/routing/above.ts', "import '../generations/index.js';", 'floor-judgement'],
  ['an engine that knows a door', 'src/generations/above.ts', "import '../images/index.js';", 'floor-engine'],
  ['a way around the index', 'src/images/around.ts', "import '../catalog/prices.js';", 'module-index'],
  ['a root that goes around the index', 'src/around.ts', "import './catalog/prices.js';", 'module-index-root'],
  ['SQL outside repositories', 'src/generations/sql.service.ts', "import 'typeorm';", 'typeorm-in-repositories'],
  ['a door with a repository', 'src/images/images.repository.ts', "import 'typeorm';", 'doors-without-sql'],
  ['a connection opened outside security', 'src/generations/connection.ts', "import 'undici';", 'undici-in-security'],
  ['a development tool in the gateway', 'src/development.ts', "import 'vitest';", 'no-development-dependencies'],
  ['tests in the gateway', 'src/shipped.ts', "import '../test/support.js';", 'gateway-ships-no-tests'],
  ['an import of nothing', 'src/nothing.ts', "import './nowhere.js';", 'resolvable'],
];

interface Violation {
  from: string;
  rule: { name: string };
}

const folders: string[] = [];
afterAll(async () => {
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
});

/** `file: rule` for all that is wrong in the sound house once `planted` is added to it. */
async function violations(planted: Record<string, string> = {}): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'litegen-boundaries-'));
  folders.push(folder);
  for (const [path, text] of Object.entries({ ...SOUND, ...planted })) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  for (const shared of ['node_modules', 'package.json', 'tsconfig.base.json', 'tsconfig.check.json']) {
    await symlink(join(ROOT, shared), join(folder, shared));
  }
  const args = [CRUISER, '--config', join(ROOT, '.dependency-cruiser.cjs'), '--output-type', 'json', 'src', 'packages', 'plugins'];
  const stdout = await new Promise<string>((done, fail) => {
    execFile(process.execPath, args, { cwd: folder, maxBuffer: 64 * 1024 * 1024 }, (error, out) => (out === '' ? fail(error) : done(out)));
  });
  const { summary } = JSON.parse(stdout) as { summary: { totalCruised: number; violations: Violation[] } };
  expect(summary.totalCruised).toBeGreaterThanOrEqual(Object.keys(SOUND).length);
  return summary.violations.map(({ from, rule }) => `${from}: ${rule.name}`);
}

describe('the walls between modules', () => {
  it('let a sound house stand', async () => {
    expect(await violations()).toEqual([]);
  });

  it('catch a cycle', async () => {
    const found = await violations({ 'src/catalog/prices.ts': "export { price as again } from './index.js';\nexport const price = 1;\n" });
    expect(found.length).toBeGreaterThan(0);
    expect(new Set(found.map((line) => line.split(': ')[1]))).toEqual(new Set(['no-cycles']));
  });

  describe('catch, each by its own rule,', () => {
    let found: string[];
    beforeAll(async () => {
      found = await violations({
        'test/support.ts': 'export const support = 1;\n',
        ...Object.fromEntries(PLANTED.map(([, path, text]) => [path, `${text}\n`])),
      });
    });

    it.each(PLANTED)('%s', (_what, path, _text, rule) => {
      expect(found.filter((line) => line.startsWith(`${path}: `))).toEqual([`${path}: ${rule}`]);
    });
  });
});
