import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Model, Plan } from '../../../domain/catalog/index.js';
import { testInput, testModel } from '../../../domain/catalog/testdata/test-model.js';
import { canonicalJson } from '../../../platform/common/index.js';
import { CostsService } from '../../../policy/costs/index.js';
import type { GenerationCommand, QuotableCommand } from '../model/generation-command.js';
import { PricedShapes } from './admission.service.js';
import { fingerprintOf } from './idempotency.service.js';

const KEYS = {
  params: {
    n: { kind: 'int', max: 4 },
    seed: { kind: 'seed', min: 0, max: 100 },
    negative_prompt: { kind: 'string' },
    quality: { kind: 'string', enum_values: ['low', 'high'] },
    style: { kind: 'string' },
    size: { kind: 'size', mode: 'enum', values: [[1024, 1024]], allow_auto: true },
  },
  prompt: { required: true, min_length: 3, max_length: 40 },
  ref_inputs: { max_total: 3, default_role: 'init', roles: { init: { max_count: 2 } } },
  extra_allowlist: ['loop'],
  capabilities: { text_to_image: true, image_to_image: true },
};
const PAINT = testModel(KEYS);

function shapes(): { of: (fields?: object, strict?: boolean, model?: Model) => ReturnType<PricedShapes['of']>; priced: () => number } {
  const costs = new CostsService({ cost_markup_percent: 10 });
  let count = 0;
  const memo = new PricedShapes((plan: Plan) => {
    count += 1;
    return costs.quote(plan);
  });
  return {
    of: (fields = {}, strict = true, model = PAINT) =>
      memo.of(model, { ...testInput(), partialImages: 0, ...fields } as unknown as QuotableCommand, strict),
    priced: () => count,
  };
}

describe('requests of one shape', () => {
  const SAME: readonly [string, object][] = [
    ['nothing but words', {}],
    ['parameters', { n: 2, params: { quality: 'high', size: '1024x1024' }, gateway: ['metadata', 'user'] }],
    ['a parameter that is null', { params: { quality: null } }],
  ];
  it.each(SAME)('with %s are planned and priced once, and say what each by itself would say', (_what, fields) => {
    const { of, priced } = shapes();
    of(fields);
    const again = of({ ...fields, prompt: 'another boat', metadata: { secret: 1 }, user: 'u2' });
    expect(again).toEqual(shapes().of({ ...fields, prompt: 'another boat' }));
    expect(priced()).toBe(1);
    expect(Object.isFrozen(again.plan.receipt.applied) && Object.isFrozen(again.quote.terms.pricing.components)).toBe(true);
  });

  const OTHER: readonly [string, object, boolean?, Model?][] = [
    ['another value', { params: { quality: 'low' } }],
    ['a value of another type', { params: { quality: 'high', style: '1' } }],
    ['a count', { params: { quality: 'high' }, n: 1 }],
    ['a field of the gateway', { params: { quality: 'high' }, gateway: ['user'] }],
    ['lax planning', { params: { quality: 'high' } }, false],
    ['another name of a field', { params: { quality: 'high' }, fieldNames: { quality: 'extra.quality' } }],
    ['the same model loaded anew', { params: { quality: 'high' } }, true, testModel({ ...KEYS, pricing: { base_cost_usd: '0.02' } })],
    ['text that looks like a parameter', { params: { quality: 'high', style: 'a","quality":"low' } }],
    ['a seed', { params: { quality: 'high', seed: 7 } }],
    ['a text of the caller', { params: { quality: 'high', negative_prompt: 'mine' } }],
    ['a reference', { params: { quality: 'high' }, references: [{}] }],
    ['a vendor option', { params: { quality: 'high' }, extra: { loop: 'mine' } }],
    ['an unknown field', { params: { quality: 'high' }, unknown: { mine: 'secret' } }, false],
    ['a form', { params: { quality: 'high' }, n: '2', textValues: true }],
  ];
  it.each(OTHER)('are told from those with %s', (_what, fields, strict = true, model = PAINT) => {
    const { of, priced } = shapes();
    of({ params: { quality: 'high' } });
    expect(of(fields, strict, model)).toEqual(shapes().of(fields, strict, model));
    expect(priced()).toBe(2);
    expect(of({ params: { quality: 'high' } })).toEqual(shapes().of({ params: { quality: 'high' } }));
  });

  it.each([
    ['prompt_required', ' '],
    ['prompt_too_short', 'ab'],
    ['prompt_too_long', 'x'.repeat(41)],
  ])('are refused for their own words (%s)', (code, prompt) => {
    const { of } = shapes();
    const thrown = (run: () => unknown): unknown => {
      try {
        return run();
      } catch (error) {
        return error;
      }
    };
    const first = thrown(() => of({ prompt }));
    of();
    expect(first).toMatchObject({ code, details: { param: 'prompt', model: 'acme/paint' } });
    const again = thrown(() => of({ prompt }));
    expect(again).toMatchObject({ code, message: (first as Error).message, details: (first as { details: object }).details });
  });

  it('share nothing that a plugin could change for others', () => {
    const { of } = shapes();
    const fields = { params: { size: '1024x1024', quality: 'high' } };
    of(fields);
    const { plan } = of(fields);
    const params = plan.params as { size: { width: number }; quality?: string };
    params.size.width = 1;
    delete params.quality;
    Object.assign(plan.extra, { mine: 1 });
    expect(of(fields)).toEqual(shapes().of(fields));
  });

  it('are forgotten one by one when there are too many', () => {
    const { of, priced } = shapes();
    for (let index = 0; index < 600; index += 1) of({ params: { style: `s${index}` } });
    of({ params: { style: 's599' } });
    expect(priced()).toBe(600);
    of({ params: { style: 's0' } });
    expect(priced()).toBe(601);
  });
});

describe('a fingerprint', () => {
  it('is that of all facts in canonical JSON, as earlier versions stored it', () => {
    const command = {
      operation: 'image.generate',
      model: 'acme/paint',
      prompt: 'a "red" boat é',
      n: 2,
      params: { style: 'x', size: '1024x1024', quality: undefined },
      extra: { b: 1, a: [1, { d: null, c: 'x' }] },
      unknown: {},
      gateway: ['user'],
      user: 'u',
      metadata: { b: 1, a: 2 },
      partialImages: 0,
      stream: false,
      delivery: 'both',
      references: [{ role: 'init', param: 'image', source: { kind: 'url', url: 'https://a.test/x.png' } }],
    } as unknown as GenerationCommand;
    const { operation, model, prompt, n, params, extra, unknown, gateway, user, metadata, partialImages, stream, delivery } = command;
    const references = [{ role: 'init', url: 'https://a.test/x.png' }];
    const facts = {
      operation,
      model,
      prompt,
      n,
      params,
      extra,
      unknown,
      gateway,
      user,
      metadata,
      partialImages,
      stream,
      delivery,
      references,
    };
    expect(fingerprintOf(command)).toBe(hash('sha256', canonicalJson({ ...facts, strict: true })));
    const all = {
      ...command,
      strict: false,
      quoteId: 'q',
      webhook: { url: 'https://b.test', events: ['x'] },
    } as unknown as GenerationCommand;
    const { quoteId, webhook } = all;
    expect(fingerprintOf(all)).toBe(hash('sha256', canonicalJson({ ...facts, strict: false, quoteId, webhook })));
  });
});
