import { checkEntry, readCatalogFile } from '../catalog-file.js';
import type { Model } from '../model.js';
import type { PlanInput } from '../plan/index.js';

const DEFAULTS = {
  id: 'acme/paint',
  provider: 'acme',
  media_type: 'image',
  display_name: 'Paint',
  pricing: { base_cost_usd: '0.01' },
  capabilities: { text_to_image: true },
};

/** A model as the loader makes it, from the keys that a test cares about. */
export function testModel(keys: Readonly<Record<string, unknown>> = {}, layer: Model['layer'] = 'plugin'): Model {
  // JSON is YAML, so the test's model goes the same way as a file's.
  const { entries, problems } = readCatalogFile('test.yaml', JSON.stringify({ models: [{ ...DEFAULTS, ...keys }] }));
  const [entry] = entries;
  if (entry === undefined) throw new Error(JSON.stringify(problems));
  const checked = checkEntry(entry, layer);
  if (checked.model === undefined) throw new Error(JSON.stringify(checked.problems));
  return checked.model;
}

/** A request as an HTTP API hands it over. */
export function testInput(fields: Partial<PlanInput> = {}): PlanInput {
  return { operation: 'image.generate', prompt: 'a red boat', params: {}, references: [], unknown: {}, gateway: [], ...fields };
}
