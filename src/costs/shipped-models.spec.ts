import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CatalogService, type Model, planRequest } from '../catalog/index.js';
import { CostsService } from './costs.service.js';

const PLUGINS = new URL('../../plugins/', import.meta.url);

/** The plugins of this repository that ship models, by their manifests. */
function shipped() {
  return readdirSync(PLUGINS).flatMap((name) => {
    const manifest = new URL(`${name}/package.json`, PLUGINS);
    if (!existsSync(manifest)) return [];
    const { litegen } = JSON.parse(readFileSync(manifest, 'utf8')) as { litegen?: { id: string; models?: string } };
    if (litegen?.models === undefined) return [];
    return [{ providerId: litegen.id, directory: fileURLToPath(new URL(`${name}/${litegen.models}/`, PLUGINS)) }];
  });
}

const catalog = await CatalogService.load({ plugins: shipped() });
const costs = new CostsService({ cost_markup_percent: 0 });

/** Asks for what the price may depend on, and gives the references that the model cannot do without. */
function plainRequest(model: Model) {
  const params: Record<string, unknown> = {};
  const { size, duration_seconds: duration } = model.params;
  if (size?.kind === 'size') params.size = size.mode === 'enum' ? size.values[0]?.join('x') : '1024x1024';
  if (duration?.kind === 'float' || duration?.kind === 'int') params.duration_seconds = duration.enum_values?.[0] ?? duration.min ?? 5;
  const needed = Object.entries(model.ref_inputs?.roles ?? {}).flatMap(([role, { required, min_count }]) =>
    required ? Array.from({ length: Math.max(1, min_count) }, () => ({ role })) : [],
  );
  return { params, needed };
}

describe('the models that the repository ships', () => {
  it('load without a problem', () => {
    expect(catalog.rejections()).toEqual([]);
    expect(catalog.warnings()).toEqual([]);
  });

  const cases = catalog.models().flatMap((model) => model.operations.map((operation) => ({ id: model.id, operation, model })));

  it.each(cases)('$id has a price for $operation', ({ model, operation }) => {
    const { params, needed } = plainRequest(model);
    const role = model.ref_inputs?.default_role ?? Object.keys(model.ref_inputs?.roles ?? {})[0];
    const references = operation === 'image.edit' && needed.length === 0 ? [{ role }] : needed;
    const input = { operation, prompt: 'a red boat', params, references, unknown: {}, gateway: [] };
    // Lax, so that a size that is too small for a model becomes one that it makes.
    const quote = costs.quote(planRequest(model, input, { strict: false }));
    expect(quote.ceilingMicros).toBeGreaterThanOrEqual(quote.amountMicros);
    const free = model.provider === 'mock' || model.pricing?.base_cost_usd === 0;
    expect(quote.amountMicros > 0 || free).toBe(true);
  });
});
