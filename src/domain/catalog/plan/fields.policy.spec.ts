import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../platform/common/index.js';
import { checkEntry, readCatalogFile } from '../catalog-file.js';
import { testInput, testModel } from '../testdata/test-model.js';
import { planRequest, validateAll } from './plan.policy.js';
import type { PlanInput } from './plan.types.js';

const KEYS = {
  params: {
    n: { kind: 'int', max: 4 },
    style: { kind: 'string', enum_values: ['photo', 'vector'] },
    steps: { kind: 'int', min: 1, max: 50 },
    size: {
      kind: 'size',
      mode: 'enum',
      values: [
        [512, 512],
        [1024, 1024],
      ],
    },
  },
  extra_allowlist: ['loop', 'user'],
};
const LISTED = testModel(KEYS);
const OPEN = testModel({ ...KEYS, extra_passthrough: true }, 'operator');

const plan = (input: Partial<PlanInput>, strict: boolean, model = LISTED) => planRequest(model, testInput(input), { strict });
const lax = (input: Partial<PlanInput>, model = LISTED) => plan(input, false, model);

function refusal(input: Partial<PlanInput>, strict = true, model = LISTED): ApiError {
  try {
    plan(input, strict, model);
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('a parameter under extra', () => {
  it.each(['style', 'n', 'steps', 'size'])('is refused with the place where it belongs: %s', (name) => {
    for (const model of [LISTED, OPEN]) {
      const error = refusal({ extra: { [name]: 1 } }, true, model);
      expect(error).toMatchObject({ code: 'extra_key_unsupported', details: { param: `extra.${name}`, accepted: [name] } });
      expect(error.message).toContain(`to be sent as ${name}`);
    }
  });

  it('is taken out of it in lax mode, checked and accounted for like any other', () => {
    for (const model of [LISTED, OPEN]) {
      const { params, n, extra, receipt } = lax({ extra: { style: 'vector', n: 3, size: '1024x1024', loop: 1 } }, model);
      expect({ params, n, extra }).toEqual({ params: { style: 'vector', size: { width: 1024, height: 1024 } }, n: 3, extra: { loop: 1 } });
      expect(receipt.applied).toEqual(expect.arrayContaining(['extra.style', 'extra.n', 'extra.size', 'extra.loop']));
      expect([receipt.unverified, receipt.dropped]).toEqual([[], []]);
      expect(lax({ extra: { size: '1000x1000' } }, model).receipt.mapped).toMatchObject([{ param: 'extra.size', from: '1000x1000' }]);
    }
  });

  it.each<readonly [object, string, string]>([
    [{ style: 'oil' }, 'param_enum_mismatch', 'extra.style'],
    [{ n: 9 }, 'param_out_of_range', 'extra.n'],
    [{ steps: 'many' }, 'param_invalid_type', 'extra.steps'],
  ])('is refused in lax mode for what is wrong with it: %j', (extra, code, param) => {
    expect(refusal({ extra }, false)).toMatchObject({ code, details: { param } });
    expect(validateAll(LISTED, testInput({ extra }), { strict: false }).problems).toMatchObject([{ code, details: { param } }]);
  });

  it('does not replace one that was sent itself', () => {
    const { params, n, receipt, extra } = lax({ n: 2, params: { style: 'photo' }, extra: { style: 'vector', n: 4 } });
    expect({ style: params.style, n, extra }).toEqual({ style: 'photo', n: 2, extra: {} });
    expect(receipt.dropped).toEqual([
      { param: 'extra.style', value: 'vector', reason: 'style was sent itself, which counts' },
      { param: 'extra.n', value: 4, reason: 'n was sent itself, which counts' },
    ]);
  });

  it('is one although the model lists it as an option as well', () => {
    const model = testModel({ ...KEYS, extra_allowlist: ['style'] });
    expect(refusal({ extra: { style: 'vector' } }, true, model).details.param).toBe('extra.style');
    expect(lax({ extra: { style: 'vector' } }, model)).toMatchObject({ params: { style: 'vector' }, extra: {} });
  });
});

describe('an option that the model does not list', () => {
  it('is refused, or dropped and said so in lax mode', () => {
    expect(refusal({ extra: { lop: 1 } }).message).toContain('did you mean loop?');
    const { extra, receipt, droppedParams } = lax({ extra: { lop: 1, loop: 2, quality: 'high' } });
    expect(extra).toEqual({ loop: 2 });
    expect(receipt.dropped.map(({ param }) => param)).toEqual(['extra.lop', 'extra.quality']);
    expect(droppedParams).toEqual(['extra.lop', 'extra.quality']);
    expect(receipt.unverified).toEqual([]);
  });

  it('is sent in lax mode where the operator allows it, and nobody vouches for it', () => {
    const { extra, receipt } = lax({ extra: { web_search: true, loop: 1 } }, OPEN);
    expect(extra).toEqual({ web_search: true, loop: 1 });
    expect(receipt.unverified.map(({ param }) => param)).toEqual(['extra.web_search']);
    expect(refusal({ extra: { web_search: true } }, true, OPEN).code).toBe('extra_key_unsupported');
  });

  it.each(['quality', 'duration_seconds', 'prompt', 'model', 'stream', 'metadata'])('is never another part of the request: %s', (name) => {
    const { extra, receipt } = lax({ extra: { [name]: 'x' } }, OPEN);
    expect(extra).toEqual({});
    expect(receipt.dropped.map(({ param }) => param)).toEqual([`extra.${name}`]);
  });

  it('may have any name that the model lists', () => {
    expect(plan({ extra: { user: 'x' } }, true).extra).toEqual({ user: 'x' });
  });
});

describe('the switch for unlisted options', () => {
  const check = (keys: object, layer: 'plugin' | 'operator') => {
    const file = { id: 'acme/paint', provider: 'acme', media_type: 'image', display_name: 'Paint', capabilities: { text_to_image: true } };
    const [entry] = readCatalogFile('m.yaml', JSON.stringify({ models: [{ ...file, ...keys }] })).entries;
    if (entry === undefined) throw new Error('there is no entry');
    return checkEntry(entry, layer);
  };

  it('is the operator’s', () => {
    expect(check({ extra_passthrough: true }, 'operator').problems).toEqual([]);
    expect(check({ extra_passthrough: true }, 'plugin').problems).toMatchObject([
      { path: 'models[0].extra_passthrough', message: expect.stringContaining('operator') },
    ]);
  });

  it('does not stand in for a list that names parameters', () => {
    const { warnings } = check({ params: { seed: { kind: 'seed' } }, extra_allowlist: ['loop', 'seed'] }, 'plugin');
    expect(warnings).toEqual(
      expect.arrayContaining([expect.objectContaining({ message: expect.stringContaining('seed is a parameter') })]),
    );
  });
});
