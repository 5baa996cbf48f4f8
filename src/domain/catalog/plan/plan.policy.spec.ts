import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../platform/common/index.js';
import { testInput, testModel } from '../testdata/test-model.js';
import { planRequest, validateAll } from './plan.policy.js';
import type { PlanInput } from './plan.types.js';

const PARAMS = {
  n: { kind: 'int', max: 4 },
  seed: { kind: 'seed', min: 0, max: 100 },
  negative_prompt: { kind: 'string', max_length: 4 },
  steps: { kind: 'int', min: 1, max: 50 },
  guidance_scale: { kind: 'float', min: 0, max: 20 },
  quality: { kind: 'string', enum_values: ['low', 'medium', 'high'] },
  style: { kind: 'string', pattern: '^[a-z]+$' },
  size: {
    kind: 'size',
    mode: 'enum',
    values: [
      [1024, 1024],
      [1536, 1024],
    ],
    allow_auto: true,
  },
  output_format: { kind: 'string', enum_values: ['png', 'jpeg'] },
  fps: { kind: 'int', enum_values: [24, 30] },
};

const PAINT = testModel({
  params: PARAMS,
  prompt: { required: true, min_length: 3, max_length: 10 },
  ref_inputs: { max_total: 3, default_role: 'init', roles: { init: { max_count: 2 }, mask: {} } },
  extra_allowlist: ['loop'],
  capabilities: { text_to_image: true, image_to_image: true },
});

function failure(input: Partial<PlanInput>, strict = true, model = PAINT): ApiError {
  try {
    planRequest(model, testInput(input), { strict });
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

const lax = (input: Partial<PlanInput>, model = PAINT) => planRequest(model, testInput(input), { strict: false });
const strictly = (input: Partial<PlanInput>, model = PAINT) => planRequest(model, testInput(input), { strict: true });

describe('what both modes refuse', () => {
  it.each<[code: string, param: string, input: Partial<PlanInput>]>([
    ['prompt_required', 'prompt', { prompt: undefined }],
    ['prompt_required', 'prompt', { prompt: ' \n ' }],
    ['prompt_too_short', 'prompt', { prompt: 'ab' }],
    ['prompt_too_long', 'prompt', { prompt: 'a'.repeat(11) }],
    ['param_invalid_type', 'prompt', { prompt: 5 }],
    ['param_out_of_range', 'seed', { params: { seed: 101 } }],
    ['param_out_of_range', 'steps', { params: { steps: 0 } }],
    ['param_out_of_range', 'guidance_scale', { params: { guidance_scale: 20.1 } }],
    ['param_invalid_type', 'steps', { params: { steps: 1.5 } }],
    ['param_invalid_type', 'steps', { params: { steps: '20' } }],
    ['param_invalid_type', 'seed', { params: { seed: 2 ** 53 } }],
    ['param_invalid_type', 'quality', { params: { quality: 1 } }],
    ['param_invalid_type', 'size', { params: { size: [1024, 1024] } }],
    ['param_too_long', 'negative_prompt', { params: { negative_prompt: 'abcde' } }],
    ['param_enum_mismatch', 'quality', { params: { quality: 'ultra' } }],
    ['param_enum_mismatch', 'fps', { params: { fps: 25 } }],
    ['param_pattern_mismatch', 'style', { params: { style: 'Ink9' } }],
    ['param_out_of_range', 'n', { n: 5 }],
    ['param_out_of_range', 'n', { n: 0 }],
    ['param_invalid_type', 'n', { n: 'two' }],
    ['ref_total_exceeded', 'reference_images', { references: [{}, {}, {}, {}] }],
    ['ref_role_count_out_of_range', 'reference_images', { references: [{ role: 'mask' }, { role: 'mask' }] }],
    ['extra_key_unsupported', 'extra', { extra: [1] }],
    ['extra_key_unsupported', 'extra', { extra: 'x' }],
    ['operation_unsupported', 'model', { operation: 'video.generate' }],
    ['ref_role_required', 'reference_images', { operation: 'image.edit' }],
  ])('%s for %s in %j', (code, param, input) => {
    for (const strict of [true, false]) {
      const error = failure(input, strict);
      expect(error.code).toBe(code);
      expect(error.details).toMatchObject({ param, model: 'acme/paint' });
    }
  });
});

describe('what only strict mode refuses', () => {
  it.each<[code: string, param: string, input: Partial<PlanInput>, dropped: string[]]>([
    ['param_unsupported', 'strength', { params: { strength: 0.5 } }, ['strength']],
    ['param_unsupported', 'aspect_ratio', { params: { aspect_ratio: 'wide' } }, ['aspect_ratio']],
    ['param_unsupported', 'qualty', { unknown: { qualty: 'low' } }, ['qualty']],
    ['param_unsupported', 'colour', { params: { colour: 'red' } }, ['colour']],
    ['ref_role_unknown', 'reference_images[1].role', { references: [{}, { role: 'pose' }] }, ['reference_images[pose]']],
    ['extra_key_unsupported', 'extra.lop', { extra: { lop: true } }, ['extra.lop']],
  ])('%s for %s in %j', (code, param, input, dropped) => {
    const error = failure(input);
    expect(error.code).toBe(code);
    expect(error.details.param).toBe(param);
    expect(lax(input).droppedParams).toEqual(dropped);
  });

  it('references of a model that takes none, and roles that are missing', () => {
    const none = testModel();
    expect(failure({ references: [{}] }, true, none)).toMatchObject({
      code: 'ref_role_unknown',
      details: { param: 'reference_images[0]' },
    });
    expect(lax({ references: [{}, {}] }, none)).toMatchObject({
      references: [],
      droppedReferences: [0, 1],
      droppedParams: ['reference_images', 'reference_images'],
    });
    const roles = testModel({ ref_inputs: { max_total: 2, roles: { first_frame: {} } } });
    expect(failure({ references: [{}] }, true, roles)).toMatchObject({ code: 'ref_role_unknown', details: { accepted: ['first_frame'] } });
    expect(lax({ references: [{}, { role: 'first_frame' }] }, roles)).toMatchObject({
      references: [{ index: 1, role: 'first_frame' }],
      droppedParams: ['reference_images[no_role]'],
    });
  });
});

describe('messages', () => {
  it.each<[input: Partial<PlanInput>, message: RegExp, accepted: readonly (string | number)[]]>([
    [{ params: { quality: 'hi' } }, /quality must be one of low, medium, high; it is "hi"/, ['low', 'medium', 'high']],
    [{ params: { steps: 51 } }, /steps must be a whole number from 1 to 50; it is 51/, ['from 1 to 50']],
    [{ params: { size: '8x8' } }, /size must be one of 1024x1024, 1536x1024, auto/, ['1024x1024', '1536x1024', 'auto']],
    [{ params: { strength: 1 } }, /acme\/paint does not take strength\. It takes: negative_prompt, seed/, Object.keys(PARAMS).sort()],
    [{ unknown: { qualty: 'low' } }, /There is no such field \(did you mean quality\?\)/, Object.keys(PARAMS).sort()],
    [{ unknown: { loop: true } }, /send it as extra\.loop/, Object.keys(PARAMS).sort()],
    [{ extra: { lop: 1 } }, /does not take extra\.lop \(did you mean loop\?\)/, ['loop']],
    [{ operation: 'video.generate' }, /use POST \/v1\/images\/generations or POST \/v1\/images\/edits/, ['image.generate', 'image.edit']],
    [{ references: [{ role: 'maks' }] }, /has no role maks \(did you mean mask\?\)/, ['init', 'mask']],
  ])('of %j say what would be accepted', (input, message, accepted) => {
    const error = failure(input);
    expect(error.message).toMatch(message);
    expect([...(error.details.accepted ?? [])].sort()).toEqual([...accepted].sort());
  });

  it('never repeat a long value', () => {
    expect(failure({ params: { quality: 'x'.repeat(10_000) } }).message.length).toBeLessThan(300);
  });
});

describe('the order of checks', () => {
  const everythingWrong: Partial<PlanInput> = {
    prompt: '',
    n: 9,
    params: {
      size: '8x8',
      style: 'A',
      quality: 'x',
      guidance_scale: 99,
      steps: 99,
      negative_prompt: 'abcde',
      seed: 999,
      output_format: 'x',
    },
    references: [{ role: 'pose' }],
    extra: { lop: 1 },
    unknown: { colour: 1 },
  };

  it('is LiteGen’s, then ours', () => {
    const { problems, plan } = validateAll(PAINT, testInput(everythingWrong), { strict: true });
    expect(plan).toBeUndefined();
    expect(problems.map(({ details }) => details.param)).toEqual([
      'prompt',
      'seed',
      'negative_prompt',
      'steps',
      'guidance_scale',
      'quality',
      'style',
      'size',
      'output_format',
      'n',
      'reference_images[0].role',
      'extra.lop',
      'colour',
    ]);
    expect(failure(everythingWrong).code).toBe(problems[0]?.code);
  });

  it('of a video puts the duration behind the negative prompt', () => {
    const clip = testModel({
      media_type: 'video',
      capabilities: { text_to_video: true },
      params: {
        duration_seconds: { kind: 'float', min: 6, max: 10 },
        seed: { kind: 'seed', max: 1 },
        resolution: { kind: 'string', enum_values: ['720p'] },
      },
    });
    const input = testInput({
      operation: 'video.generate',
      params: { resolution: 'x', fps: 24, aspect_ratio: 'x', duration_seconds: 5, seed: 2 },
    });
    const { problems } = validateAll(clip, input, { strict: true });
    expect(problems.map(({ details }) => details.param)).toEqual(['seed', 'duration_seconds', 'aspect_ratio', 'fps', 'resolution']);
  });

  it('collects into the receipt of a dry run', () => {
    const { receipt } = validateAll(PAINT, testInput(everythingWrong), { strict: true });
    expect(receipt.rejected).toHaveLength(13);
    expect(receipt.rejected[0]).toEqual({ param: 'prompt', code: 'prompt_required', message: 'acme/paint needs a prompt.' });
    const fine = validateAll(PAINT, testInput(), { strict: true });
    expect(fine.problems).toEqual([]);
    expect(fine.plan?.receipt.applied).toEqual(['prompt']);
  });
});

describe('what is accepted', () => {
  it('reaches the plan, and the receipt names every field', () => {
    const plan = strictly({
      n: 2,
      params: { seed: 7, quality: 'low', size: '1536x1024', style: null },
      references: [{}, { role: 'mask' }],
      extra: { loop: true },
      gateway: ['response_format', 'user'],
    });
    expect(plan).toMatchObject({
      operation: 'image.generate',
      prompt: 'a red boat',
      n: 2,
      params: { seed: 7, quality: 'low', size: { width: 1536, height: 1024 } },
      references: [
        { index: 0, role: 'init' },
        { index: 1, role: 'mask' },
      ],
      extra: { loop: true },
      droppedParams: [],
    });
    expect([...plan.receipt.applied].sort()).toEqual(
      [
        'prompt',
        'n',
        'seed',
        'quality',
        'size',
        'reference_images[0]',
        'reference_images[1]',
        'extra.loop',
        'response_format',
        'user',
      ].sort(),
    );
  });

  it('injects no default', () => {
    const clip = testModel({
      media_type: 'video',
      capabilities: { text_to_video: true },
      params: { duration_seconds: { kind: 'float', min: 6, max: 10, default: 6 } },
    });
    expect(strictly({ operation: 'video.generate' }, clip).params).toEqual({});
  });

  it('counts code points, not bytes or UTF-16 units', () => {
    expect(strictly({ prompt: '🎨'.repeat(10) }).prompt).toHaveLength(20);
    expect(failure({ prompt: '🎨'.repeat(11) }).message).toContain('it has 11');
    expect(failure({ prompt: '🎨🎨' }).code).toBe('prompt_too_short');
    expect(strictly({ params: { negative_prompt: 'éééé' } }).params.negative_prompt).toBe('éééé');
  });

  it('reads text of a form as the kind that is declared', () => {
    const form = { textValues: true, n: '2', params: { steps: '20', guidance_scale: '7.5', quality: 'low' } };
    expect(strictly(form)).toMatchObject({ n: 2, params: { steps: 20, guidance_scale: 7.5, quality: 'low' } });
    expect(failure({ textValues: true, params: { steps: 'many' } }).code).toBe('param_invalid_type');
    const clip = testModel({ media_type: 'video', capabilities: { text_to_video: true }, params: { audio: { kind: 'bool' } } });
    expect(strictly({ operation: 'video.generate', textValues: true, params: { audio: 'false' } }, clip).params.audio).toBe(false);
    expect(failure({ operation: 'video.generate', params: { audio: 'false' } }, true, clip).code).toBe('param_invalid_type');
  });

  it('is one output when the model does not declare n', () => {
    const single = testModel();
    expect(strictly({ n: 1 }, single).n).toBe(1);
    expect(failure({ n: 2 }, false, single)).toMatchObject({ code: 'param_out_of_range', details: { param: 'n' } });
  });

  it('may be no prompt at all when none is required', () => {
    expect(strictly({ prompt: undefined }, testModel({ prompt: { required: false, min_length: 3 } })).prompt).toBe('');
  });

  it('makes a generation with references an edit on a model that only edits', () => {
    const editor = testModel({ capabilities: { image_to_image: true }, ref_inputs: { default_role: 'init', roles: { init: {} } } });
    expect(strictly({ references: [{}] }, editor).operation).toBe('image.edit');
    expect(failure({}, true, editor).message).toContain('or send a reference image');
  });

  it('needs a role that is required', () => {
    const roles = (init: object) => testModel({ ref_inputs: { default_role: 'init', roles: { init } } });
    expect(failure({}, true, roles({ required: true }))).toMatchObject({ code: 'ref_role_required' });
    expect(failure({}, true, roles({ required: true, min_count: 1 }))).toMatchObject({ code: 'ref_role_count_out_of_range' });
    expect(strictly({}, roles({ min_count: 1 })).references).toEqual([]);
  });
});

describe('a transparent background', () => {
  const model = (format: object) => testModel({ params: { background: { kind: 'string' }, output_format: { kind: 'string', ...format } } });
  const choice = model({ enum_values: ['png', 'jpeg', 'webp'] });

  it.each([
    [{ background: 'transparent', output_format: 'jpeg' }, choice],
    [{ background: 'transparent', output_format: 'jpg' }, model({})],
    [{ background: 'transparent' }, model({ default: 'jpeg' })],
  ])('%j is refused as a JPEG, and dropped in lax mode', (params, with_) => {
    expect(failure({ params }, true, with_)).toMatchObject({ code: 'param_enum_mismatch', details: { param: 'output_format' } });
    const plan = lax({ params }, with_);
    expect(plan.params.background).toBeUndefined();
    expect(plan.receipt.dropped).toEqual([expect.objectContaining({ param: 'background', value: 'transparent' })]);
    expect(plan.receipt.applied).not.toContain('background');
  });

  it('is taken otherwise, and says what would be', () => {
    for (const output_format of ['png', 'webp', undefined]) {
      expect(strictly({ params: { background: 'transparent', output_format } }, choice).params.background).toBe('transparent');
    }
    expect(strictly({ params: { background: 'opaque', output_format: 'jpeg' } }, choice).params.background).toBe('opaque');
    const refused = failure({ params: { background: 'transparent', output_format: 'jpeg' } }, true, choice);
    expect(refused).toMatchObject({ details: { accepted: ['png', 'webp'] }, message: expect.stringContaining('must be png or webp') });
  });
});

describe('lax mode', () => {
  it('says what it dropped, without repeating files', () => {
    const plan = lax({ params: { strength: 0.5 }, unknown: { image: 'A'.repeat(10_000), note: 'x' } });
    expect(plan.receipt.dropped).toEqual([
      { param: 'strength', value: 0.5, reason: 'acme/paint does not take it' },
      { param: 'image', reason: 'there is no such field' },
      { param: 'note', value: 'x', reason: 'there is no such field' },
    ]);
  });

  it('translates the two vocabularies of quality', () => {
    const plan = lax({ params: { quality: 'hd', output_format: 'jpg' } });
    expect(plan.params).toEqual({ quality: 'high', output_format: 'jpeg' });
    expect(plan.receipt.mapped).toEqual([
      { param: 'quality', from: 'hd', to: 'high', reason: 'acme/paint calls it so' },
      { param: 'output_format', from: 'jpg', to: 'jpeg', reason: 'acme/paint calls it so' },
    ]);
    expect(failure({ params: { quality: 'hd' } }).code).toBe('param_enum_mismatch');
    expect(failure({ params: { quality: 'constructor' } }, false).code).toBe('param_enum_mismatch');
  });

  it('keeps names of callers out of the header’s syntax', () => {
    const plan = lax({ unknown: { 'a,b\r\nX-Y: z': 1 }, references: [{ role: 'x,y' }] });
    expect(plan.droppedParams).toEqual(['reference_images[x?y]', 'a?b??X-Y??z']);
  });

  it('takes no prototype from a vendor option', () => {
    const plan = lax({ extra: JSON.parse('{"__proto__": {"polluted": true}}') }, testModel({ extra_passthrough: true }, 'operator'));
    expect(Object.getPrototypeOf(plan.extra)).toBe(Object.prototype);
    expect(Object.keys(plan.extra)).toEqual(['__proto__']);
  });

  it('refuses a flood of unknown fields', () => {
    const unknown = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`field${index}`, 1]));
    expect(failure({ unknown }, false).code).toBe('malformed_request');
    expect(failure({ unknown: { ['x'.repeat(201)]: 1 } }, false).code).toBe('malformed_request');
    const extra = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`option${index}`, 1]));
    for (const flood of [extra, { ['x'.repeat(201)]: 1 }]) {
      expect(failure({ extra: flood }, false)).toMatchObject({ code: 'malformed_request', details: { param: 'extra' } });
    }
  });
});
