import { readFileSync } from 'node:fs';
import { createTestCall, createTestSetup, testImageRequest, testInput } from '@litegen/plugin-sdk/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type OpenAiSimulator, startOpenAiSimulator } from '../simulator/index.js';
import { MODELS } from '../simulator/rules.js';
import plugin from '../src/index.js';

interface Model {
  readonly id: string;
  readonly media_type: string;
  readonly upstream: { readonly model: string };
  readonly lifecycle?: { readonly sunset?: string; readonly successor?: string };
  readonly pricing: { readonly components?: { unit: string; usd: string; per: number }[]; readonly estimates?: { unit: string }[] };
  readonly params: Readonly<Record<string, { enum_values?: string[]; allowed?: string[]; values?: [number, number][]; max?: number }>>;
  readonly ref_inputs?: { readonly roles: Readonly<Record<string, unknown>> };
}

const models = ['gpt-image', 'retired'].flatMap((name) => {
  const text = readFileSync(new URL(`../models/${name}.yaml`, import.meta.url), 'utf8');
  return (parse(text) as { models: Model[] }).models;
});
/** Switched off on the day of the facts. */
const isGone = ({ lifecycle }: Model): boolean => (lifecycle?.sunset ?? '9999') <= '2026-11-20';
const alive = models.filter((model) => !isGone(model));

let vendor: OpenAiSimulator;
beforeAll(async () => {
  vendor = await startOpenAiSimulator();
});
afterAll(() => vendor.close());

async function start(model: Model, partial: Parameters<typeof testImageRequest>[0]): Promise<void> {
  const call = createTestCall({ apiBase: vendor.apiBase, secrets: { apiKey: vendor.apiKey } });
  const request = testImageRequest({ ...partial, model: { id: model.id, upstream: model.upstream } });
  const result = await plugin.create(createTestSetup('openai')).image?.start(request, call);
  expect(result?.state).toBe('done');
}

describe('the shipped models', () => {
  it('are those that the vendor still answers for, with the date on which it stops', () => {
    const sunsets = Object.fromEntries(alive.map(({ upstream, lifecycle }) => [upstream.model, lifecycle?.sunset ?? null]));
    expect(sunsets).toEqual(Object.fromEntries(Object.entries(MODELS).map(([name, { shutdownDate }]) => [name, shutdownDate])));
  });

  it('name a lasting successor for everything that goes', () => {
    const lasting = models.filter(({ lifecycle }) => lifecycle?.sunset === undefined).map(({ id }) => id);
    const going = models.filter(({ lifecycle }) => lifecycle?.sunset !== undefined);
    expect(going.map(({ id }) => id)).toEqual(expect.arrayContaining(['openai/dall-e-2', 'openai/dall-e-3', 'openai/gpt-image-1']));
    // Videos it makes none any more, so that theirs are another vendor's.
    for (const { lifecycle, media_type } of going) {
      if (media_type === 'image') expect(lasting).toContain(lifecycle?.successor);
      else expect(lifecycle?.successor).toMatch(/^fal\/veo/);
    }
  });

  it('price every kind of token that the vendor counts, and estimate those of every image', () => {
    const units = ['input_text_token', 'input_image_token', 'output_text_token', 'output_image_token'];
    const cached = ['cached_input_text_token', 'cached_input_image_token'];
    for (const { id, pricing } of alive) {
      expect(pricing.components?.map(({ unit }) => unit).sort(), id).toEqual([...cached, ...units].sort());
      for (const { usd, per } of pricing.components ?? []) expect([Number(usd) > 0, per]).toEqual([true, 1_000_000]);
      expect(pricing.estimates?.map(({ unit }) => unit)).toEqual(expect.arrayContaining(['input_text_token', 'output_image_token']));
    }
  });
});

describe.each(alive.map((model) => [model.id, model] as const))('%s', (_, model) => {
  const cases = Object.entries(model.params).flatMap(([name, { enum_values, allowed, values }]) => [
    ...(enum_values ?? allowed ?? []).map((value) => ({ [name]: value })),
    ...(values ?? []).map(([width, height]) => ({ [name]: { width, height } })),
  ]);

  it('promises only values that the vendor takes', async () => {
    expect(cases.length).toBeGreaterThan(10);
    for (const params of cases) {
      const edit = 'input_fidelity' in params;
      const transparent = 'background' in params ? { output_format: 'png' } : {};
      const request = edit ? { operation: 'image.edit' as const, inputs: [testInput()] } : {};
      await start(model, { ...request, params: { ...transparent, ...params } });
    }
    await start(model, { n: model.params.n?.max, params: { output_format: 'jpeg', output_compression: 50 } });
  });

  it('promises only references that the vendor takes', async () => {
    for (const role of Object.keys(model.ref_inputs?.roles ?? {})) {
      const inputs = role === 'init' ? Array.from({ length: 16 }, () => testInput()) : [testInput(), testInput({ role })];
      await start(model, { operation: 'image.edit', inputs });
    }
  });

  it('promises every value that the vendor takes', () => {
    const rules = MODELS[model.upstream.model];
    expect(model.params.quality?.enum_values?.toSorted()).toEqual(rules?.qualities.toSorted());
    expect(model.params.output_format?.enum_values).toEqual(rules?.formats);
    expect(model.params.input_fidelity?.enum_values ?? []).toEqual(rules?.inputFidelity);
    expect(Object.keys(model.ref_inputs?.roles ?? {}).includes('markup')).toBe(rules?.markup);
  });
});
