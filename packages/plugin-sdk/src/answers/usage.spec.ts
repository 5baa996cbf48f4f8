import { describe, expect, it } from 'vitest';
import type { VendorUsage } from '../result.js';
import { addUsage, costUsdOf, tokenUsage } from './usage.js';
import { decimal } from './values.js';

describe('token usage', () => {
  it.each<readonly [string, object, VendorUsage | undefined]>([
    [
      'both sides told apart',
      {
        input_tokens: 357,
        input_tokens_details: { text_tokens: 34, image_tokens: 323 },
        output_tokens: 6543,
        output_tokens_details: { text_tokens: 335, image_tokens: 6208 },
      },
      { input_text_tokens: 34, input_image_tokens: 323, output_text_tokens: 335, output_image_tokens: 6208 },
    ],
    [
      'chat-style names',
      { prompt_tokens: 34, completion_tokens: 6543, completion_tokens_details: { image_tokens: 6208 } },
      { input_text_tokens: 34, output_text_tokens: 335, output_image_tokens: 6208 },
    ],
    ['totals alone', { input_tokens: 5, output_tokens: 439 }, { input_text_tokens: 5, output_image_tokens: 439 }],
    [
      'pictures alone: text is the rest',
      { input_tokens: 357, input_tokens_details: { image_tokens: 323 }, output_tokens: 10 },
      { input_text_tokens: 34, input_image_tokens: 323, output_image_tokens: 10 },
    ],
    [
      'text alone: pictures are the rest',
      { input_tokens: 357, input_tokens_details: { text_tokens: 34 } },
      { input_text_tokens: 34, input_image_tokens: 323 },
    ],
    ['text that is all', { input_tokens: 34, input_tokens_details: { text_tokens: 34 } }, { input_text_tokens: 34 }],
    ['parts without a total', { output_tokens_details: { image_tokens: 7 } }, { output_image_tokens: 7 }],
    [
      'reasoning, which is text',
      { output_tokens: 100, output_tokens_details: { reasoning_tokens: 30 } },
      { output_text_tokens: 30, output_image_tokens: 70 },
    ],
    [
      'cached tokens that are told apart',
      {
        input_tokens: 300,
        input_tokens_details: {
          text_tokens: 100,
          image_tokens: 200,
          cached_tokens: 60,
          cached_tokens_details: { text_tokens: 40, image_tokens: 20 },
        },
      },
      { input_text_tokens: 60, cached_input_text_tokens: 40, input_image_tokens: 180, cached_input_image_tokens: 20 },
    ],
    [
      'cached tokens that are not',
      { prompt_tokens: 300, prompt_tokens_details: { image_tokens: 200, cached_tokens: 120 } },
      { input_text_tokens: 0, cached_input_text_tokens: 100, input_image_tokens: 180, cached_input_image_tokens: 20 },
    ],
    ['numbers as text', { input_tokens: '5', output_tokens: '7' }, { input_text_tokens: 5, output_image_tokens: 7 }],
    ['zeros of a server that does not count', { input_tokens: 0, output_tokens: 0, total_tokens: 0 }, undefined],
    [
      'nonsense',
      { input_tokens: -1, output_tokens: 'many', input_tokens_details: [], output_tokens_details: { image_tokens: 1.5 } },
      undefined,
    ],
    ['other counts', { images: 1 }, undefined],
  ])('is read: %s', (_what, usage, counts) => {
    expect(tokenUsage(usage)).toEqual(counts);
  });

  it('is absent without any', () => {
    for (const nothing of [undefined, null, 'usage', [], 5]) expect(tokenUsage(nothing)).toBeUndefined();
  });

  it('adds up', () => {
    expect(addUsage({ output_image_tokens: 5 }, { output_image_tokens: 7, input_text_tokens: 1 })).toEqual({
      output_image_tokens: 12,
      input_text_tokens: 1,
    });
    expect(addUsage(undefined, { images: 1 })).toEqual({ images: 1 });
    expect(addUsage({ images: 1 }, undefined)).toEqual({ images: 1 });
  });
});

describe('a price in an answer', () => {
  it.each<readonly [object, string | undefined]>([
    [{ usage: { cost: 0.04 } }, '0.04'],
    [{ usage: { cost: '0.04' } }, '0.04'],
    [{ usage: { total_cost: 1e-7 }, cost: 5 }, '0.0000001'],
    [{ cost_usd: 12 }, '12'],
    [{ outputs: { cost: 0.66 } }, '0.66'],
    [{ usage: { cost_in_usd_ticks: 600_000_000 } }, '0.06'],
    [{ usage: { cost: 0 } }, undefined],
    [{ usage: { cost: -1 } }, undefined],
    [{ usage: { cost: { amount: 1 } } }, undefined],
    [{}, undefined],
  ])('%o', (body, usd) => {
    expect(costUsdOf(body)).toBe(usd);
  });

  it('is written without an exponent', () => {
    expect([1.5e-7, 1e-10, 1e21, 1.25e22, 0, 0.1].map(decimal)).toEqual([
      '0.00000015',
      '0.0000000001',
      '1000000000000000000000',
      '12500000000000000000000',
      '0',
      '0.1',
    ]);
  });
});
