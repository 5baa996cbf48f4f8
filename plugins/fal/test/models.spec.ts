import { record } from '@litegen/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { ENDPOINTS } from '../simulator/inputs.js';
import { RETIRED_ENDPOINTS } from '../src/retired-endpoints.js';
import { type EndpointUse, fieldFor, readModel } from '../src/upstream.js';
import { requestedModel, SHIPPED_MODELS, type ShippedModel, type ShippedParam } from './shipped-models.js';

const LITEGEN_IDS = ['flux-pro', 'flux-dev', 'flux-schnell', 'sdxl', 'sd35-medium', 'recraft-v3', 'auraflow', 'video'];

describe('the shipped models', () => {
  it('keep every id that LiteGen has offered', () => {
    expect(SHIPPED_MODELS.map(({ id }) => id)).toEqual(expect.arrayContaining(LITEGEN_IDS.map((name) => `fal/${name}`)));
  });

  it('are named once', () => {
    expect(new Set(SHIPPED_MODELS.map(({ id }) => id)).size).toBe(SHIPPED_MODELS.length);
  });

  it('use every endpoint of which the simulator knows the input', () => {
    const used = new Set(SHIPPED_MODELS.flatMap((model) => usesOf(model).map(({ endpoint }) => endpoint)));
    expect([...used].sort()).toEqual(Object.keys(ENDPOINTS).sort());
  });

  it('use no retired endpoint', () => {
    const written = SHIPPED_MODELS.map(({ upstream }) => JSON.stringify(upstream)).join();
    for (const retired of Object.keys(RETIRED_ENDPOINTS)) expect(written).not.toContain(`"${retired}"`);
  });
});

describe.each(SHIPPED_MODELS.map((model) => [model.id, model] as const))('%s', (_, model) => {
  const falModel = readModel(requestedModel(model.id));

  it.each(usesOf(model).map((use) => [use.endpoint, use] as const))('maps only what %s takes', (endpoint, use) => {
    const input = ENDPOINTS[endpoint] ?? {};
    for (const [name, param] of Object.entries(model.params)) {
      const mapping = fieldFor(falModel, name);
      const field = mapping === undefined ? undefined : input[mapping.field];
      if (use.omits.includes(name)) {
        expect(field, `${name} is omitted although ${endpoint} has ${mapping?.field}`).toBeUndefined();
        continue;
      }
      expect(field, `${name} → ${mapping?.field}`).toBeDefined();
      if (mapping === undefined || field?.enum === undefined || field.dimensions) continue;
      const known = field.enum.split('|');
      for (const value of valuesOf(param)) {
        const sent = mapping.values === undefined ? (mapping.type === 'string_s' ? `${value}s` : value) : String(mapping.values[value]);
        expect(known, `${name}: ${value}`).toContain(sent);
      }
      const numeric = mapping.type === 'integer' || mapping.type === 'number';
      expect(numeric, `${name} as JSON ${field.json ?? 'string'}`).toBe(field.json === 'integer');
    }
    for (const name of model.extra_allowlist) {
      if (!use.omits.includes(name)) expect(Object.keys(input)).toContain(fieldFor(falModel, name)?.field ?? name);
    }
  });

  it.each(usesOf(model).map((use) => [use.endpoint, use] as const))('gives %s all that it requires', (endpoint, use) => {
    const required = Object.entries(ENDPOINTS[endpoint] ?? {})
      .filter(([, field]) => field.required)
      .map(([name]) => name);
    const sent = Object.keys(use.references)
      .filter((role) => !use.optional.includes(role))
      .map((role) => use.references[role]);
    expect(['prompt', ...sent]).toEqual(expect.arrayContaining(required));
    for (const field of Object.values(use.references)) {
      const isList = ENDPOINTS[endpoint]?.[field]?.type === 'array';
      expect(isList, `${field} is ${isList ? 'a list' : 'one file'}`).toBe(field.endsWith('_urls'));
    }
  });

  it('has an endpoint for every role it declares, and declares every role it maps', () => {
    const mapped = new Set(usesOf(model).flatMap(({ references }) => Object.keys(references)));
    expect([...mapped].sort()).toEqual(Object.keys(model.ref_inputs?.roles ?? {}).sort());
  });

  it("tells fal's defaults where it tells one", () => {
    const use = usesOf(model)[0];
    for (const [name, param] of Object.entries(model.params)) {
      const mapping = fieldFor(falModel, name);
      const theirs = mapping === undefined ? undefined : ENDPOINTS[use?.endpoint ?? '']?.[mapping.field]?.default;
      // LiteGen's own defaults are informational and never sent.
      if (theirs === undefined || param.default === undefined || LITEGEN_IDS.includes(model.id.slice(4))) continue;
      if (typeof theirs === 'string' && /square|landscape/.test(theirs)) continue;
      const ours = mapping?.values?.[String(param.default)] ?? `${String(param.default)}${mapping?.type === 'string_s' ? 's' : ''}`;
      expect(String(ours), name).toBe(String(theirs));
    }
  });

  it('has a price or a ceiling, waits between questions and takes callbacks', () => {
    const { base_cost_usd, ceiling_usd, components = [] } = model.pricing;
    expect(base_cost_usd ?? ceiling_usd ?? components[0]).toBeDefined();
    expect(record(model.polling)?.interval_seconds).toBeGreaterThanOrEqual(model.media_type === 'video' ? 3 : 1);
    expect(model.webhooks).toBe(true);
  });

  it('has fal count in the unit of its price', () => {
    if (falModel.billableUnit === undefined) return;
    // Its count of megapixels holds those of references too.
    const units = new Set((model.pricing.components ?? []).map(({ unit }) => `${unit.replace(/^input_/, '')}s`));
    expect([...units]).toEqual([falModel.billableUnit]);
  });
});

function usesOf(model: ShippedModel): readonly EndpointUse[] {
  return readModel(requestedModel(model.id)).uses;
}

function valuesOf(param: ShippedParam): string[] {
  if (param.values !== undefined) return param.values.map(([width, height]) => `${width}x${height}`);
  const listed = param.enum_values ?? param.allowed;
  if (listed !== undefined) return listed.map(String);
  const { kind, min, max } = param;
  if (kind !== 'int' || min === undefined || max === undefined) return [];
  return Array.from({ length: max - min + 1 }, (_, index) => String(min + index));
}
