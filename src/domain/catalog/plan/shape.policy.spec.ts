import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSize, parseSize } from '../ratio.js';
import type { FreeformSizeSpec } from '../schema/index.js';
import { testInput, testModel } from '../testdata/test-model.js';
import { planRequest, validateAll } from './plan.policy.js';
import { nearestSize } from './size-match.js';
import { freeformProblem } from './size-rules.js';

const ENUM = {
  size: {
    kind: 'size',
    mode: 'enum',
    values: [
      [1024, 1024],
      [1536, 1024],
      [1024, 1536],
      [2048, 2048],
    ],
  },
};
const FREE = {
  size: {
    kind: 'size',
    mode: 'freeform',
    min_width: 256,
    max_width: 2048,
    min_height: 256,
    max_height: 2048,
    multiple_of: 64,
    max_ratio: 3,
  },
};
const RATIO = { aspect_ratio: { kind: 'aspect_ratio', allowed: ['1:1', '16:9', '9:16', '4:3', 'adaptive'] } };
const VIDEO = { ...RATIO, resolution: { kind: 'string', enum_values: ['720p', '1080p'] } };
const NONE = {};

function plan(params: object, asked: Readonly<Record<string, unknown>>, strict = false) {
  const { plan: made, problems } = validateAll(testModel({ params }), testInput({ params: asked }), { strict });
  const size = made?.params.size;
  return {
    size: typeof size === 'object' ? formatSize(size) : size,
    aspect_ratio: made?.params.aspect_ratio,
    resolution: made?.params.resolution,
    mapped: made?.receipt.mapped.map(({ param, from, to }) => `${param}: ${String(from)} -> ${String(to)}`) ?? [],
    dropped: made?.droppedParams ?? [],
    problem: problems[0]?.code,
  };
}

describe('lax mapping', () => {
  it.each<[what: string, params: object, asked: Record<string, unknown>, expected: Record<string, unknown>]>([
    ['an exact size', ENUM, { size: '1536x1024' }, { size: '1536x1024', mapped: [] }],
    ['a capital X', ENUM, { size: '1024X1024' }, { size: '1024x1024', mapped: [] }],
    ['the same ratio, nearest area', ENUM, { size: '512x512' }, { size: '1024x1024', mapped: ['size: 512x512 -> 1024x1024'] }],
    ['the same ratio, larger area', ENUM, { size: '1900x1900' }, { size: '2048x2048' }],
    ['the same ratio within one percent', ENUM, { size: '1500x1003' }, { size: '1536x1024' }],
    ['the nearest ratio', ENUM, { size: '1920x1080' }, { size: '1536x1024' }],
    ['the nearest upright ratio', ENUM, { size: '1080x1920' }, { size: '1024x1536' }],
    ['a size off the grid', FREE, { size: '1000x1000' }, { size: '1024x1024' }],
    ['a size over the bounds, keeping the ratio', FREE, { size: '4096x2048' }, { size: '2048x1024' }],
    ['a size under the bounds', FREE, { size: '64x64' }, { size: '256x256' }],
    ['a ratio beyond the bounds', FREE, { size: '4000x400' }, { size: '1920x640' }],
    [
      'a size for a model of ratios',
      RATIO,
      { size: '1920x1080' },
      { aspect_ratio: '16:9', size: undefined, mapped: ['size: 1920x1080 -> aspect_ratio=16:9'] },
    ],
    [
      'a size beside a ratio, for a model of ratios',
      RATIO,
      { size: '64x64', aspect_ratio: '16:9' },
      { aspect_ratio: '16:9', dropped: ['size'] },
    ],
    ['a size that is a resolution too', VIDEO, { size: '1920x1080' }, { aspect_ratio: '16:9', resolution: '1080p' }],
    ['a size beside a resolution', VIDEO, { size: '1920x1080', resolution: '720p' }, { aspect_ratio: '16:9', resolution: '720p' }],
    ['a ratio for a model of sizes', ENUM, { aspect_ratio: '3:2' }, { size: '1536x1024', mapped: ['aspect_ratio: 3:2 -> size=1536x1024'] }],
    ['a ratio for a model of free sizes', FREE, { aspect_ratio: '2:1' }, { size: '1408x704' }],
    [
      'a ratio beside a size, for a model of sizes',
      ENUM,
      { aspect_ratio: '3:2', size: '1024x1024' },
      { size: '1024x1024', dropped: ['aspect_ratio'] },
    ],
    ['a ratio that is near another', RATIO, { aspect_ratio: '1.91:1' }, { aspect_ratio: '16:9' }],
    [
      'a ratio as a size, for a model of ratios',
      RATIO,
      { size: '16:9' },
      { aspect_ratio: '16:9', mapped: ['size: 16:9 -> aspect_ratio=16:9'] },
    ],
    ['a ratio as a size, for a model of sizes', ENUM, { size: '2:3' }, { size: '1024x1536', mapped: ['size: 2:3 -> 1024x1536'] }],
    ['a ratio as a size, for a model of both', { ...ENUM, ...RATIO }, { size: '4:3' }, { aspect_ratio: '4:3', size: undefined }],
    ['auto that the model does not know', ENUM, { size: 'auto' }, { size: undefined, dropped: ['size'] }],
    ['auto for a model without sizes', RATIO, { size: 'auto' }, { dropped: ['size'] }],
    ['a size for a model that has no shapes', NONE, { size: '64x64' }, { dropped: ['size'] }],
    ['a ratio for a model that has no shapes', NONE, { aspect_ratio: '1:1' }, { dropped: ['aspect_ratio'] }],
    ['a word that the model knows', RATIO, { aspect_ratio: 'adaptive' }, { aspect_ratio: 'adaptive', mapped: [] }],
    ['a word that it does not know', RATIO, { aspect_ratio: 'wide' }, { problem: 'param_enum_mismatch' }],
    ['nonsense for a size', ENUM, { size: 'big' }, { problem: 'param_enum_mismatch' }],
    ['a size of nothing', ENUM, { size: '0x0' }, { problem: 'param_enum_mismatch' }],
  ])('%s', (_what, params, asked, expected) => {
    expect(plan(params, asked)).toMatchObject(expected);
  });
});

describe('strict mode', () => {
  it.each<[params: object, asked: Record<string, unknown>, code: string]>([
    [ENUM, { size: '512x512' }, 'param_enum_mismatch'],
    [ENUM, { size: '1:1' }, 'param_enum_mismatch'],
    [ENUM, { size: 'auto' }, 'param_enum_mismatch'],
    [ENUM, { aspect_ratio: '1:1' }, 'param_unsupported'],
    [FREE, { size: '1000x1000' }, 'param_out_of_range'],
    [FREE, { size: '2048x512' }, 'param_out_of_range'],
    [RATIO, { size: '1024x1024' }, 'param_unsupported'],
    [RATIO, { aspect_ratio: '3:2' }, 'param_enum_mismatch'],
  ])('refuses for %j %j', (params, asked, code) => {
    expect(plan(params, asked, true).problem).toBe(code);
  });

  it('names the other way to say it', () => {
    expect(() => planRequest(testModel({ params: RATIO }), testInput({ params: { size: '64x64' } }), { strict: true })).toThrow(
      'does not take size. Use aspect_ratio: 1:1, 16:9, 9:16, 4:3, adaptive.',
    );
  });
});

it('leaves auto out of a video, where it is the same as nothing', () => {
  const model = testModel({
    media_type: 'video',
    capabilities: { text_to_video: true },
    params: { size: { ...ENUM.size, allow_auto: true } },
  });
  const made = planRequest(model, testInput({ operation: 'video.generate', params: { size: 'auto' } }), { strict: true });
  expect(made.params).toEqual({});
  expect(made.receipt.applied).toContain('size');
});

describe('freeform sizes', () => {
  const bounds: FreeformSizeSpec = {
    kind: 'size',
    mode: 'freeform',
    min_width: 480,
    max_width: 3840,
    min_height: 480,
    max_height: 3840,
    multiple_of: 16,
    max_ratio: 3,
    min_pixels: 655_360,
    max_pixels: 8_294_400,
  };
  const side = fc.integer({ min: 1, max: 20_000 });

  it('always land inside the bounds', () => {
    fc.assert(
      fc.property(side, side, (width, height) => {
        const size = nearestSize(bounds, { ratio: width / height, area: width * height });
        expect(size && freeformProblem(bounds, size)).toBeUndefined();
        expect(size).toBeDefined();
      }),
    );
  });

  it('keep the ratio where the bounds allow it', () => {
    const inside = fc.tuple(fc.integer({ min: 700, max: 2500 }), fc.double({ min: 0.5, max: 2, noNaN: true }));
    fc.assert(
      fc.property(inside, ([height, ratio]) => {
        const size = nearestSize(bounds, { ratio, area: height * height * ratio });
        expect(Math.abs(Math.log((size?.width ?? 0) / (size?.height ?? 1) / ratio))).toBeLessThan(0.03);
      }),
    );
  });

  it('are left alone when they already fit', () => {
    const grid = fc.integer({ min: 60, max: 150 }).map((steps) => steps * 16);
    fc.assert(
      fc.property(grid, grid, (width, height) => {
        fc.pre(freeformProblem(bounds, { width, height }) === undefined);
        expect(nearestSize(bounds, { ratio: width / height, area: width * height })).toEqual({ width, height });
      }),
    );
  });

  it('are none when the bounds leave none', () => {
    const impossible: FreeformSizeSpec = { ...bounds, min_pixels: undefined, max_pixels: 1000 };
    expect(nearestSize(impossible, { ratio: 1, area: 1_000_000 })).toBeUndefined();
  });
});

it('an enum size is always one of the list', () => {
  const text = fc
    .tuple(fc.integer({ min: 1, max: 9999 }), fc.integer({ min: 1, max: 9999 }))
    .map(([width, height]) => `${width}x${height}`);
  fc.assert(
    fc.property(text, (size) => {
      const chosen = parseSize(plan(ENUM, { size }).size ?? '');
      expect(ENUM.size.values).toContainEqual([chosen?.width, chosen?.height]);
    }),
  );
});
