import { describe, expect, it } from 'vitest';
import type { Size } from '../../request.js';
import type { ModelEntry } from './package.js';
import { Random } from './random.js';
import { fuzzedSample, leastSample, streamedSample } from './samples.js';

const MODEL: ModelEntry = {
  id: 'acme/family/paint',
  provider: 'acme',
  media_type: 'image',
  upstream: { model: 'p' },
  operations: ['image.generate', 'image.edit'],
  prompt: { required: true, min_length: 3, max_length: 20 },
  params: {
    n: { kind: 'int', min: 1, max: 4 },
    steps: { kind: 'int', min: 5, max: 9 },
    strength: { kind: 'float', min: 0.25, max: 0.75 },
    style: { kind: 'string', enum_values: ['ink', 'oil'] },
    negative_prompt: { kind: 'string', max_length: 4 },
    aspect_ratio: { kind: 'aspect_ratio', allowed: ['1:1', '3:2'] },
    audio: { kind: 'bool' },
    seed: { kind: 'seed', min: 10, max: 12 },
    size: {
      kind: 'size',
      mode: 'freeform',
      min_width: 256,
      max_width: 2048,
      min_height: 256,
      max_height: 1024,
      multiple_of: 16,
      max_ratio: 3,
      min_pixels: 262_144,
      max_pixels: 1_048_576,
      allow_auto: true,
    },
  },
  ref_inputs: { max_total: 3, roles: { init: { min_count: 1, max_count: 2 }, mask: { max_count: 1 } } },
  extra_allowlist: ['style_code'],
  streaming: { partial_images_max: 2 },
};

describe('generated requests', () => {
  it('stay within what the YAML allows, and reach its ends', () => {
    const random = new Random(1);
    const samples = Array.from({ length: 300 }, () => fuzzedSample(MODEL, random).request);
    const values = (name: string) => new Set(samples.map(({ params }) => params[name]).filter((value) => value !== undefined));
    expect([...values('steps')].sort()).toEqual([5, 6, 7, 8, 9]);
    expect([...values('style')].sort()).toEqual(['ink', 'oil']);
    expect([...values('aspect_ratio')].sort()).toEqual(['1:1', '3:2']);
    expect([...values('audio')].sort()).toEqual([false, true]);
    expect([...values('seed')].sort()).toEqual([10, 11, 12]);
    for (const strength of values('strength') as Set<number>) expect(strength >= 0.25 && strength <= 0.75).toBe(true);
    for (const text of values('negative_prompt') as Set<string>) expect(text.length).toBeLessThanOrEqual(4);
    expect(values('n').size).toBe(0);
    expect([...new Set(samples.map(({ n }) => n))].sort()).toEqual([1, 2, 3, 4]);
    for (const { prompt } of samples) expect(prompt.length >= 3 && prompt.length <= 20).toBe(true);
    const sizes = [...values('size')] as (Size | 'auto')[];
    expect(sizes).toContain('auto');
    for (const size of sizes) {
      if (size === 'auto') continue;
      const { width, height } = size;
      expect(width % 16 === 0 && height % 16 === 0 && width <= 2048 && height <= 1024, `${width}x${height}`).toBe(true);
      expect(width * height >= 262_144 && width * height <= 1_048_576, `${width}x${height}`).toBe(true);
      expect(Math.max(width / height, height / width)).toBeLessThanOrEqual(3);
    }
  });

  it('give an edit its inputs and a generation only what the model insists on', () => {
    const random = new Random(2);
    const counts = { 'image.generate': new Set<number>(), 'image.edit': new Set<number>(), 'video.generate': new Set<number>() };
    for (let index = 0; index < 200; index += 1) {
      const { operation, inputs } = fuzzedSample(MODEL, random).request;
      counts[operation].add(inputs.length);
    }
    expect([...counts['image.generate']]).toEqual([1]);
    expect([...counts['image.edit']].sort()).toEqual([1, 2, 3]);
  });

  it('come out the same for the same seed', () => {
    const texts = (seed: number) => {
      const random = new Random(seed);
      return JSON.stringify(Array.from({ length: 20 }, () => fuzzedSample(MODEL, random).request));
    };
    expect(texts(5)).toBe(texts(5));
    expect(texts(5)).not.toBe(texts(6));
  });

  it('begin with the least that a model takes', () => {
    expect(leastSample(MODEL).request).toMatchObject({
      operation: 'image.generate',
      model: { id: 'acme/family/paint', name: 'family/paint', upstream: { model: 'p' } },
      n: 1,
      params: {},
      inputs: [{ role: 'init' }],
    });
    expect(leastSample({ ...MODEL, media_type: 'video', operations: undefined, ref_inputs: null }).request).toMatchObject({
      operation: 'video.generate',
      inputs: [],
    });
    expect(streamedSample(MODEL)?.request).toMatchObject({ partialImages: 1 });
    expect(streamedSample({ ...MODEL, streaming: undefined })).toBeUndefined();
  });
});
