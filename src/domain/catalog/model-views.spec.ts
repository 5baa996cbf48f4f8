import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkEntry, readCatalogFile } from './catalog-file.js';
import { toModelInfo, toModelSchema } from './model-views.js';
import { testModel } from './testdata/test-model.js';

const NOW = new Date('2026-11-20T00:00:00Z');
const SAMPLE = new URL('testdata/litegen.yaml', import.meta.url);

function sample(id: string) {
  const { entries } = readCatalogFile('litegen.yaml', readFileSync(SAMPLE, 'utf8'));
  const entry = entries.find((one) => one.id === id);
  const model = entry && checkEntry(entry, 'plugin').model;
  if (model === undefined) throw new Error(`no sample ${id}`);
  return model;
}

describe('toModelInfo', () => {
  it('has LiteGen’s fields and OpenAI’s', () => {
    expect(toModelInfo(sample('acme/paint-1'), { available: true, now: NOW })).toEqual({
      id: 'acme/paint-1',
      object: 'model',
      created: 0,
      owned_by: 'acme',
      name: 'Paint One',
      description: "For the loader's tests.",
      provider: 'acme',
      media_type: 'image',
      is_available: true,
      aliases: [],
      retired_names: [],
      operations: ['image.generate', 'image.edit'],
      capabilities: {
        supports_text_to_image: true,
        supports_image_to_image: true,
        supports_inpainting: true,
        supported_sizes: ['1024x1024', '1792x1024', '1024x1792'],
        max_images: 3,
        supports_text_to_video: false,
        supports_image_to_video: false,
        supports_first_frame: false,
        supports_last_frame: false,
        max_duration_seconds: null,
        supports_partial_images: false,
      },
      lifecycle: { status: 'active', released: null, deprecated: null, sunset: null, successor: null },
      pricing: { base_cost_usd: 0.05, variable_pricing: { per_megapixel: 0.01 }, components: [], estimates: [], ceiling_usd: null },
      limits: null,
      tags: ['text-to-image'],
    });
  });

  it('says what a video model can do', () => {
    const { capabilities } = toModelInfo(sample('acme/clip'), { available: true, now: NOW });
    expect(capabilities).toMatchObject({
      supports_first_frame: true,
      supports_last_frame: true,
      max_duration_seconds: 10,
      supported_sizes: [],
    });
  });

  it.each([
    [{ deprecated: '2026-11-20' }, 'deprecated', true],
    [{ deprecated: '2026-11-21' }, 'active', true],
    [{ sunset: '2026-11-20' }, 'sunset', false],
  ])('tells the state of %j', (lifecycle, status, available) => {
    const info = toModelInfo(testModel({ lifecycle }), { available: true, now: NOW });
    expect(info.lifecycle.status).toBe(status);
    expect(info.is_available).toBe(available);
  });

  it('dates the release, and is not available without its provider', () => {
    const info = toModelInfo(testModel({ lifecycle: { released: '2026-04-21' } }), { available: false, now: NOW });
    expect(info).toMatchObject({ created: 1776729600, is_available: false });
  });

  it.each([
    [{ components: [{ unit: 'image', usd: '0.053' }], ceiling_usd: '1' }, 0.053],
    [{ components: [{ unit: 'output_image_token', usd: '30', per: 1000000 }], ceiling_usd: '0.5' }, 0.5],
    [{ components: [{ unit: 'second', usd: '0.1' }] }, null],
    [{ base_cost_usd: 0 }, 0],
  ])('gives one typical price of %j', (pricing, usd) => {
    expect(toModelInfo(testModel({ pricing }), { available: true, now: NOW }).pricing?.base_cost_usd).toBe(usd);
  });

  it('leaves an unknown price out instead of calling it zero', () => {
    const { pricing: _pricing, ...rest } = testModel();
    expect(toModelInfo(rest, { available: true, now: NOW })).not.toHaveProperty('pricing');
  });
});

describe('toModelSchema', () => {
  it('is the YAML as JSON with unset options as null', () => {
    const schema = toModelSchema(sample('acme/paint-1'));
    expect(schema).toMatchObject({
      id: 'acme/paint-1',
      display_name: 'Paint One',
      prompt: { required: true, min_length: 3, max_length: 2000 },
      params: {
        negative_prompt: { kind: 'string', max_length: 1000, enum_values: null, pattern: null, default: null },
        strength: { kind: 'float', min: 0, max: 1, default: null },
        size: {
          kind: 'size',
          mode: 'enum',
          values: [
            [1024, 1024],
            [1792, 1024],
            [1024, 1792],
          ],
        },
      },
      ref_inputs: {
        max_total: 3,
        default_role: 'init',
        provider_format: { form: 'multipart', field_map: { init: 'image', mask: 'mask' } },
        roles: { init: { required: false, min_count: 0, max_count: 2 } },
      },
      extra_allowlist: ['test_flag'],
    });
    expect(schema).not.toHaveProperty('file');
    expect(schema).not.toHaveProperty('layer');
  });

  it('has null for reference inputs that there are not', () => {
    expect(toModelSchema(sample('acme/free:form.v1'))).toMatchObject({
      ref_inputs: null,
      prompt: { required: false, min_length: null, max_length: null },
      params: { size: { kind: 'size', mode: 'freeform', multiple_of: 8 } },
    });
  });
});
