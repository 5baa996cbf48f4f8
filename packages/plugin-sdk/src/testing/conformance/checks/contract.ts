import { setTimeout as wait } from 'node:timers/promises';
import { PLUGIN_SPEC } from '../../../manifest.js';
import { manifestProblems } from '../manifest-problems.js';
import { modelProblems } from '../model-problems.js';
import { importPlugin, packageDirectory, readManifest, readModelFiles, readModels, readPackage, readPriceFiles } from '../package.js';
import { priceProblems } from '../price-problems.js';
import { Rig } from '../rig.js';
import { type ConformanceCheck, type ConformanceSetup, demand } from '../setup.js';

/** Long enough for a request that `create` set off to show itself. */
const SETTLE_MS = 50;

export function contractChecks(setup: ConformanceSetup): ConformanceCheck[] {
  return [
    {
      name: 'manifest: package.json describes a plugin',
      run: async () => {
        const problems = manifestProblems(packageDirectory(setup), readPackage(setup));
        demand(problems.length === 0, problems.join('; '));
        return 'passed';
      },
    },
    {
      name: 'capabilities: every model file is valid and belongs to the provider',
      run: async () => {
        const files = readModelFiles(setup);
        if (files.length === 0) {
          demand(readManifest(setup).models === undefined, 'the models folder holds no YAML');
          return 'not_applicable';
        }
        const problems = modelProblems(readManifest(setup).id, files);
        demand(problems.length === 0, problems.join('; '));
        return 'passed';
      },
    },
    {
      name: 'prices: every operation of every model has a published figure, or says why there is none',
      run: async () => {
        const files = readPriceFiles(setup);
        if (files === undefined) return 'not_applicable';
        const problems = priceProblems(readModels(setup), files);
        demand(problems.length === 0, problems.join('; '));
        return 'passed';
      },
    },
    {
      name: 'entry: the default export is the plugin that the manifest names',
      run: async () => {
        const plugin = await importPlugin(setup);
        const { id } = readManifest(setup);
        demand(plugin.spec === PLUGIN_SPEC, `its spec is ${String(plugin.spec)}, not ${PLUGIN_SPEC}`);
        demand(plugin.id === id, `its id is "${plugin.id}", the manifest's is "${id}"`);
        demand(typeof plugin.create === 'function', 'it has no create()');
        return 'passed';
      },
    },
    { name: 'create: answers for every media type of the YAML and makes no network call', run: () => Rig.use(setup, checkCreate) },
  ];
}

async function checkCreate(rig: Rig): Promise<'passed'> {
  const instance = rig.instance();
  await wait(SETTLE_MS);
  demand(rig.sightings.length === 0, `create() opened ${rig.sightings.join(', ')}`);
  for (const { id, media_type, webhooks } of rig.callableModels) {
    const provided = instance[media_type];
    demand(
      typeof provided?.start === 'function',
      `${id} is a ${media_type} model, but create() returned no "${media_type}" with a start()`,
    );
    demand(webhooks !== true || provided.parseWebhook !== undefined, `${id} says "webhooks: true", but there is no parseWebhook()`);
  }
  return 'passed';
}
