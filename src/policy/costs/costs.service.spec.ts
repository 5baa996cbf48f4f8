import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { CatalogService, type Plan, planRequest } from '../../domain/catalog/index.js';
import { CostsService, settleRequest } from './costs.service.js';
import type { Outcome, Quote } from './costs.types.js';

let catalog: CatalogService;

beforeAll(async () => {
  catalog = await CatalogService.load({ plugins: [], operatorDirectory: fileURLToPath(new URL('testdata', import.meta.url)) });
});

function plan(id: string, n: number, params: Readonly<Record<string, unknown>> = {}): Plan {
  const model = catalog.get(id);
  const operation = model.operations[0] ?? 'image.generate';
  return planRequest(model, { operation, prompt: 'a red boat', n, params, references: [], unknown: {}, gateway: [] }, { strict: true });
}

const costs = (percent: number) => new CostsService({ cost_markup_percent: percent });

describe('a quote', () => {
  it('is a bill with the facts behind it', () => {
    expect(costs(0).quote(plan('acme/by-quality', 2, { quality: 'high' }))).toEqual({
      amountMicros: 334_000,
      exact: true,
      currency: 'USD',
      source: 'catalog',
      components: [
        {
          unit: 'image',
          quantity: '2',
          billableQuantity: '2',
          unitPriceUsd: '0.167',
          per: 1,
          totalMicros: 334_000,
          conditions: { quality: 'high', size: ['1024x1024', 'auto'] },
          source: 'https://acme.test/prices',
          checked: '2026-11-20',
          confidence: 'published',
        },
      ],
      markupMicros: 0,
      ceilingMicros: 334_000,
      terms: {
        pricing: { components: [{ unit: 'image', usd: '0.167', per: 1, round_up: false, confidence: 'published' }], estimates: [] },
        params: { size: { kind: 'size', allow_auto: true } },
        markupPercent: 0,
      },
    });
  });

  it('shows what is billed beside what is used', () => {
    const { components } = costs(0).quote(plan('acme/by-megapixel', 2, { size: '1024x1024' }));
    expect(components[1]).toMatchObject({ unit: 'megapixel', quantity: '2.097152', billableQuantity: '4', totalMicros: 60_000 });
  });

  it.each([
    [0, 40_000, 0],
    [10, 44_000, 4_000],
    [12.5, 45_000, 5_000],
    [0.001, 40_000, 0],
    [0.01, 40_004, 4],
  ])('with %d percent of markup', (percent, amountMicros, markupMicros) => {
    expect(costs(percent).quote(plan('acme/flat', 1))).toMatchObject({ amountMicros, markupMicros, ceilingMicros: amountMicros });
  });

  it('marks the held ceiling up as well', () => {
    expect(costs(10).quote(plan('acme/by-token', 1, { quality: 'high' }))).toMatchObject({ exact: false, ceilingMicros: 550_000 });
  });

  it('says what to send when a quantity is missing', () => {
    expect(() => costs(0).quote(plan('acme/clip-without-default', 1))).toThrow('send duration_seconds');
    expect(() => costs(0).quote(plan('acme/by-megapixel', 1))).toThrow('send size');
  });

  const ids = fc.constantFrom(
    'acme/flat',
    'acme/by-quality',
    'acme/by-megapixel',
    'acme/by-exact-megapixel',
    'acme/by-token',
    'acme/by-credit',
  );
  const percent = fc.integer({ min: 0, max: 100_000 }).map((basisPoints) => basisPoints / 100);
  const side = fc.integer({ min: 64, max: 4096 });

  function anyPlan(id: string, n: number, width: number, height: number): Plan {
    if (id.endsWith('megapixel')) return plan(id, n, { size: `${width}x${height}` });
    return plan(id, n, id === 'acme/by-token' ? { quality: 'high' } : {});
  }

  it('adds up, is held in full, and never shrinks with n', () => {
    fc.assert(
      fc.property(ids, percent, fc.integer({ min: 1, max: 9 }), side, side, (id, markup, n, width, height) => {
        const service = costs(markup);
        const quote = service.quote(anyPlan(id, n, width, height));
        const sum = quote.components.reduce((total, { totalMicros }) => total + totalMicros, 0);
        expect(sum + quote.markupMicros).toBe(quote.amountMicros);
        expect(quote.markupMicros).toBeGreaterThanOrEqual(0);
        expect(quote.ceilingMicros).toBeGreaterThanOrEqual(quote.amountMicros);
        expect(Number.isSafeInteger(quote.amountMicros)).toBe(true);
        expect(service.quote(anyPlan(id, n + 1, width, height)).amountMicros).toBeGreaterThanOrEqual(quote.amountMicros);
      }),
    );
  });

  it('of exact megapixels is the integer that BigInt computes', () => {
    fc.assert(
      fc.property(side, side, fc.integer({ min: 1, max: 10 }), (width, height, n) => {
        // 0.003 USD per million pixels are three micro-dollars per thousand pixels.
        const thousandths = BigInt(width) * BigInt(height) * BigInt(n) * 3n;
        const expected = Number((thousandths * 2n + 1000n) / 2000n);
        expect(costs(0).quote(anyPlan('acme/by-exact-megapixel', n, width, height)).amountMicros).toBe(expected);
      }),
    );
  });
});

describe('a settlement', () => {
  function settle(percent: number, of: Plan, outcome: Outcome, laterPercent = percent) {
    const quote = costs(percent).quote(of);
    // What is stored is all that the settlement knows.
    const stored = JSON.parse(JSON.stringify(quote)) as Quote;
    return costs(laterPercent).settlement({ ...of, model: of.model.id, inputRoles: [] }, outcome, stored);
  }

  it('marks the vendor’s price up', () => {
    expect(settle(10, plan('acme/flat', 1), { outputs: 1, costUsd: '0.05' })).toEqual({
      costMicros: 55_000,
      markupMicros: 5_000,
      source: 'vendor_reported',
      components: [],
    });
  });

  it('of everything delivered is what was quoted', () => {
    fc.assert(
      fc.property(fc.constantFrom('acme/flat', 'acme/by-quality', 'acme/by-exact-megapixel'), fc.integer({ min: 1, max: 10 }), (id, n) => {
        const quote = costs(7).quote(plan(id, n));
        expect(settle(7, plan(id, n), { outputs: n }).costMicros).toBe(quote.amountMicros);
      }),
    );
  });

  it('follows the prices of the quote, whatever the catalogue and the markup are by then', () => {
    expect(settle(10, plan('acme/flat', 4), { outputs: 3 }, 50)).toMatchObject({
      costMicros: 132_000,
      markupMicros: 12_000,
      source: 'catalog',
    });
  });

  it('knows as much of the price as the model’s file did', () => {
    const everything: readonly [string, Readonly<Record<string, unknown>>, Outcome][] = [
      ['acme/by-quality', { quality: 'high' }, { outputs: 2 }],
      ['acme/by-megapixel', { size: '1000x1300' }, { outputs: 2 }],
      ['acme/by-token', { quality: 'high' }, { outputs: 2 }],
      ['acme/by-token', { quality: 'high' }, { outputs: 2, usage: { output_image_tokens: 7000, input_text_tokens: 10 } }],
      ['acme/by-credit', {}, { outputs: 2, usage: { credits: 12 } }],
    ];
    for (const [id, params, outcome] of everything) {
      const of = plan(id, 2, params);
      const atOnce = settleRequest({ ...of, inputRoles: [] }, outcome, 7);
      const { costMicros, markupMicros, source } = settle(7, of, outcome);
      expect({ costMicros, markupMicros, source }, id).toEqual({
        costMicros: atOnce.costMicros,
        markupMicros: atOnce.markupMicros,
        source: atOnce.source,
      });
      expect(costMicros, id).toBeGreaterThan(0);
    }
  });

  it('under a quote that is never changed is computed once, whatever a plugin counts', () => {
    const of = plan('acme/by-token', 2, { quality: 'high' });
    const service = costs(7);
    const quote = Object.freeze(service.quote(of));
    const outcomes = [
      { outputs: 2 },
      { outputs: 1 },
      { outputs: 2, usage: { output_image_tokens: 7000 } },
      { outputs: 2, usage: { output_image_tokens: 7001 } },
      { outputs: 2, usage: { output_image_tokens: Number.NaN } },
      { outputs: 2, usage: { output_image_tokens: 1n as unknown as number } },
      { outputs: 2, costUsd: '3' },
    ];
    const settled = (outcome: Outcome) => service.settlement({ ...of, model: of.model.id, inputRoles: [] }, outcome, quote);
    for (const _turn of [1, 2]) {
      for (const outcome of outcomes) expect(settled(outcome)).toEqual(settle(7, of, outcome));
    }
    expect(settled({ outputs: 2 })).toBe(settled({ outputs: 2 }));
    for (let count = 0; count < 100; count += 1) settled({ outputs: 2, usage: { output_image_tokens: count } });
    expect(settled({ outputs: 1 })).toEqual(settle(7, of, { outputs: 1 }));
  });

  it('of what was promised is at most what was promised', () => {
    const of = plan('acme/by-token', 1, { quality: 'high' });
    const quote = { ...costs(10).quote(of), id: 'quote-1' };
    const settled = (outcome: Outcome) => costs(10).settlement({ ...of, model: of.model.id, inputRoles: [] }, outcome, quote);
    const usage = { output_image_tokens: 1000 };
    expect(settled({ outputs: 1, usage: { ...usage, input_text_tokens: 0 } })).toMatchObject({ costMicros: 33_000, source: 'usage' });
    // Of what went in, the vendor says nothing: it is as much as was estimated.
    expect(settled({ outputs: 1, usage })).toMatchObject({ costMicros: 33_550, source: 'usage' });
    expect(settled({ outputs: 1, costUsd: '3' })).toMatchObject({ costMicros: 550_000, markupMicros: 50_000, source: 'quote' });
    const flat = plan('acme/flat', 2);
    const exact = { ...costs(10).quote(flat), id: 'quote-2' };
    const sold = (outcome: Outcome) => costs(10).settlement({ ...flat, model: flat.model.id, inputRoles: [] }, outcome, exact);
    expect(sold({ outputs: 2, costUsd: '3' })).toMatchObject({ costMicros: 88_000, source: 'quote' });
    expect(sold({ outputs: 1, costUsd: '0.001' })).toMatchObject({ costMicros: 44_000, source: 'quote' });
  });
});
