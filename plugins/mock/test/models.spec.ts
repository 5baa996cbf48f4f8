import { readFileSync } from 'node:fs';
import { createTestCall, createTestSetup, testImageRequest, testInput, testVideoRequest } from '@litegen/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import plugin from '../src/index.js';

interface Model {
  id: string;
  media_type: 'image' | 'video';
  upstream?: Record<string, string | number>;
  pricing: { base_cost_usd: number; components: { unit: string; usd: string; when?: object }[] };
  params?: Record<string, { min?: number }>;
  ref_inputs?: { roles: Record<string, { min_count: number }> };
}

const { models } = parse(readFileSync(new URL('../models/mock.yaml', import.meta.url), 'utf8')) as { models: Model[] };
const { image, video } = plugin.create(createTestSetup('mock'));

// The contract's sixteen models and their flat prices.
const LITEGEN_PRICES: Record<string, number> = {
  'mock/image-gen': 0,
  'mock/visual-image-gen': 0,
  'mock/visual-video-gen': 0,
  'mock/video-gen': 0,
  'mock/all-params-image': 0,
  'mock/freeform-size-image': 0,
  'mock/url-refs-image': 0,
  'mock/base64-refs-image': 0,
  'mock/multipart-refs-image': 0,
  'mock/inpainting-image': 0,
  'mock/passthrough-image': 0,
  'mock/expensive-image': 5,
  'mock/keyframe-video': 0,
  'mock/passthrough-video': 0,
  'mock/strict-duration-video': 0,
  'mock/expensive-video': 0.5,
};

describe('models/mock.yaml', () => {
  it('has the sixteen models of LiteGen at their prices, and five of our own', () => {
    const prices = Object.fromEntries(models.map(({ id, pricing }) => [id, pricing.base_cost_usd]));
    expect(prices).toMatchObject(LITEGEN_PRICES);
    expect(Object.keys(prices).filter((id) => !(id in LITEGEN_PRICES))).toEqual([
      'mock/paint',
      'mock/variation',
      'mock/clip',
      'mock/priced-paint',
      'mock/priced-clip',
    ]);
  });

  it('prices every request: each list of components ends with one for all', () => {
    for (const { id, pricing } of models) {
      const everywhere = pricing.components.filter(({ when, unit }) => when === undefined && unit !== 'request');
      const flat = pricing.components.find(({ unit, when }) => unit === 'request' && when === undefined);
      expect(everywhere.length + (flat === undefined ? 0 : 1), id).toBe(1);
      if (id in LITEGEN_PRICES) expect(Number(pricing.components[0]?.usd), id).toBe(pricing.base_cost_usd);
    }
  });

  it.each(models.map((model) => [model.id, model] as const))('%s answers the least request', async (id, model) => {
    const roles = Object.entries(model.ref_inputs?.roles ?? {}).filter(([, { min_count }]) => min_count > 0);
    const inputs = roles.map(([role]) => testInput({ role }));
    const requested = { id, upstream: model.upstream ?? {} };
    if (model.media_type === 'image') {
      expect(await image?.start(testImageRequest({ model: requested, inputs }), createTestCall())).toMatchObject({ state: 'done' });
    } else {
      const params = { duration_seconds: model.params?.duration_seconds?.min ?? 1 };
      expect(await video?.start(testVideoRequest({ model: requested, inputs, params }), createTestCall())).toMatchObject({
        state: 'started',
      });
    }
  });
});
