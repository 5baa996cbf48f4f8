import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const CRUISER = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');

/** A small gateway that keeps every boundary. */
const SOUND: Record<string, string> = {
  'src/app/main.ts': "import { root } from './app.module.js';\nexport const main = root;\n",
  'src/app/app.module.ts': "import { ImagesModule } from '../api/images/index.js';\nexport const root = ImagesModule;\n",
  'src/platform/common/index.ts': "export const now = 'clock';\n",
  'src/domain/catalog/index.ts': "export { price } from './prices.js';\n",
  'src/domain/catalog/prices.ts': "import { now } from '../../platform/common/index.js';\nexport const price = now;\n",
  'src/policy/costs/index.ts': "import { price } from '../../domain/catalog/index.js';\nexport const cost = price;\n",
  'src/engine/generations/index.ts': "export { run } from './generations.service.js';\n",
  'src/engine/generations/generations.service.ts': "import { cost } from '../../policy/costs/index.js';\nexport const run = cost;\n",
  'src/engine/generations/store/generations.repository.ts': "import { Entity } from 'typeorm';\nexport const entity = Entity;\n",
  'src/api/images/index.ts': "import { controller } from './images.controller.js';\nexport const ImagesModule = controller;\n",
  'src/api/images/images.controller.ts':
    "import { run } from '../../engine/generations/index.js';\nimport { image } from './dto/image.dto.js';\nexport const controller = [run, image];\n",
  'src/api/images/dto/image.dto.ts': 'export const image = 1;\n',
  'src/engine/generations/admit/admission.ts': 'export const admit = 1;\n',
  'src/engine/generations/helpers/misc.ts': 'export const misc = 1;\n',
  'src/engine/webhooks/outbox/outbox.ts': 'export const outbox = 1;\n',
  'src/engine/webhooks/helpers/misc.ts': 'export const misc = 1;\n',
  'packages/plugin-sdk/src/index.ts': 'export const spec = 1;\n',
  'packages/plugin-sdk/src/testing/index.ts': 'export const kit = 1;\n',
  'plugins/acme/src/index.ts': "import { spec } from '@litegen/plugin-sdk';\nexport default spec;\n",
  'plugins/acme/src/index.spec.ts': "import { kit } from '@litegen/plugin-sdk/testing';\nexport default kit;\n",
  'plugins/acme/simulator/index.ts': "import { kit } from '@litegen/plugin-sdk/testing';\nexport const simulator = kit;\n",
  'plugins/acme/test/acme.spec.ts':
    "import { simulator } from '../simulator/index.js';\nimport acme from '../src/index.js';\nexport default [simulator, acme];\n",
  'plugins/other/src/index.ts': 'export default 1;\n',
};

/** Each breaks one boundary: what it is, the file, its text, the rule that has to say so. */
const PLANTED: [what: string, path: string, text: string, rule: string][] = [
  ['a plugin that imports the gateway', 'plugins/acme/src/gateway.ts', "import '../../../src/domain/catalog/index.js';", 'plugin-alone'],
  ['a plugin that imports another', 'plugins/acme/src/neighbour.ts', "import '../../other/src/index.js';", 'plugin-alone'],
  ['a plugin that needs the test kit', 'plugins/acme/src/kit.ts', "import '@litegen/plugin-sdk/testing';", 'plugin-source-without-tests'],
  ['a plugin that needs its simulator', 'plugins/acme/src/played.ts', "import '../simulator/index.js';", 'plugin-source-without-tests'],
  ['a plugin that needs its tests', 'plugins/acme/src/tested.ts', "import '../test/acme.spec.js';", 'plugin-source-without-tests'],
  ['a simulator that knows its plugin', 'plugins/acme/simulator/twin.ts', "import '../src/index.js';", 'simulator-knows-the-vendor'],
  ['a simulator that knows the tests', 'plugins/acme/simulator/tested.ts', "import '../../../test/support.js';", 'plugin-alone'],
  ['a DTO that loads a large library', 'src/api/images/dto/large.dto.ts', "import '@nestjs/swagger';", 'large-libraries'],
  ['a plugin that opens connections', 'plugins/acme/src/connection.ts', "import 'undici';", 'undici-in-security'],
  [
    'a contract that knows the gateway',
    'packages/plugin-sdk/src/gateway.ts',
    "import '../../../src/platform/common/index.js';",
    'packages-alone',
  ],
  ['a gateway that imports a plugin', 'src/app/plugin.ts', "import '../../plugins/acme/src/index.js';", 'plugins-are-loaded-not-imported'],
  ['an API that knows the application', 'src/api/images/above.ts', "import '../../app/app.module.js';", 'layer-api'],
  ['an engine that knows the API', 'src/engine/generations/above.ts', "import '../../api/images/index.js';", 'layer-engine'],
  ['a policy that knows the engine', 'src/policy/routing/above.ts', "import '../../engine/generations/index.js';", 'layer-policy'],
  ['a domain that knows a policy', 'src/domain/catalog/above.ts', "import '../../policy/costs/index.js';", 'layer-domain'],
  ['a platform that knows the domain', 'src/platform/common/above.ts', "import '../../domain/catalog/index.js';", 'layer-platform'],
  [
    'a part of generations that knows one above it',
    'src/engine/generations/store/above.ts',
    "import '../admit/admission.js';",
    'generations-store',
  ],
  [
    'a part of generations that knows the whole',
    'src/engine/generations/model/whole.ts',
    "import '../generations.service.js';",
    'generations-model',
  ],
  ['a folder of generations that is no part', 'src/engine/generations/misc.ts', "import './helpers/misc.js';", 'generations-known-parts'],
  ['a controller below the API', 'src/engine/generations/run.controller.ts', "import '../../domain/catalog/index.js';", 'http-in-api'],
  ['a DTO below the API', 'src/policy/costs/dto/cost.dto.ts', 'export const cost = 1;', 'http-in-api'],
  ['a DTO below the API that is used', 'src/domain/catalog/used.ts', "import './dto/price.dto.js';", 'http-in-api'],
  [
    'a part of webhooks that knows one above it',
    'src/engine/webhooks/delivery/above.ts',
    "import '../outbox/outbox.js';",
    'webhooks-delivery',
  ],
  ['a folder of webhooks that is no part', 'src/engine/webhooks/misc.ts', "import './helpers/misc.js';", 'webhooks-known-parts'],
  ['a way around the index', 'src/api/images/around.ts', "import '../../domain/catalog/prices.js';", 'module-index'],
  ['an application that goes around the index', 'src/app/around.ts', "import '../domain/catalog/prices.js';", 'module-index-app'],
  ['SQL outside repositories', 'src/engine/generations/sql.service.ts', "import 'typeorm';", 'typeorm-in-repositories'],
  ['an API with a repository', 'src/api/images/images.repository.ts', "import 'typeorm';", 'api-without-sql'],
  ['a connection opened outside security', 'src/engine/generations/connection.ts', "import 'undici';", 'undici-in-security'],
  ['a development tool in the gateway', 'src/app/development.ts', "import 'vitest';", 'no-development-dependencies'],
  ['tests in the gateway', 'src/app/shipped.ts', "import '../../test/support.js';", 'gateway-ships-no-tests'],
  ['an import of nothing', 'src/app/nothing.ts', "import './nowhere.js';", 'resolvable'],
  ['a folder that is no layer', 'src/helpers/time/index.ts', "import '../../platform/common/index.js';", 'known-layers'],
  ['an import of a file beside the layers', 'src/domain/catalog/beside.ts', "import '../../leaf.js';", 'known-layers'],
  ['a lone file beside the layers', 'src/lone.ts', 'export const lone = 1;', 'known-layers'],
  ['a file beside the layers', 'src/beside.ts', "import './platform/common/index.js';", 'known-layers'],
  ['a file beside the modules of a layer', 'src/engine/beside.ts', "import '../domain/catalog/index.js';", 'known-layers'],
];

interface Violation {
  from: string;
  rule: { name: string };
}

const folders: string[] = [];
afterAll(async () => {
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
});

/** `file: rule` for all that is wrong in the sound gateway once `planted` is added to it. */
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

describe('the boundaries between modules', () => {
  it('let a sound gateway pass', async () => {
    expect(await violations()).toEqual([]);
  });

  it('catch a cycle', async () => {
    const found = await violations({
      'src/domain/catalog/prices.ts': "export { price as again } from './index.js';\nexport const price = 1;\n",
    });
    expect(found.length).toBeGreaterThan(0);
    expect(new Set(found.map((line) => line.split(': ')[1]))).toEqual(new Set(['no-cycles']));
  });

  describe('catch, each by its own rule,', () => {
    let found: string[];
    beforeAll(async () => {
      found = await violations({
        'test/support.ts': 'export const support = 1;\n',
        'src/leaf.ts': 'export const leaf = 1;\n',
        'src/domain/catalog/dto/price.dto.ts': 'export const price = 1;\n',
        ...Object.fromEntries(PLANTED.map(([, path, text]) => [path, `${text}\n`])),
      });
    });

    it.each(PLANTED)('%s', (_what, path, _text, rule) => {
      expect(found.filter((line) => line.startsWith(`${path}: `))).toEqual([`${path}: ${rule}`]);
    });
  });
});
