import { type InputMedia, ProviderError } from '@litegen/plugin-sdk';
import { createTestCall, type TestInputOptions, testImageRequest, testInput, testVideoRequest } from '@litegen/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import { buildInput, chooseEndpoint, type FalRequest, INLINE_LIMIT_BYTES } from '../src/input.js';
import { readModel } from '../src/upstream.js';
import { requestedModel } from './shipped-models.js';

function built(request: FalRequest) {
  const call = createTestCall();
  const model = readModel(request.model);
  const use = chooseEndpoint(request, model);
  return { endpoint: use.endpoint, body: buildInput(request, model, use, call), warnings: call.warnings };
}

const image = (id: string, partial: Parameters<typeof testImageRequest>[0] = {}) =>
  testImageRequest({ prompt: 'a fox', ...partial, model: requestedModel(id) });
const video = (id: string, partial: Parameters<typeof testVideoRequest>[0] = {}) =>
  testVideoRequest({ prompt: 'a fox', ...partial, model: requestedModel(id) });
const file = (role: string, options: TestInputOptions = {}) => testInput({ role, ...options });
const refusal = (request: FalRequest): unknown => {
  try {
    return built(request);
  } catch (error) {
    return ProviderError.is(error) ? { code: error.code, param: error.param, charged: error.charged } : error;
  }
};

describe('the endpoint', () => {
  it.each([
    ['fal/flux-kontext-pro', [], 'fal-ai/flux-pro/kontext/text-to-image'],
    ['fal/flux-kontext-pro', ['init'], 'fal-ai/flux-pro/kontext'],
    ['fal/flux-kontext-pro', ['init', 'init'], 'fal-ai/flux-pro/kontext/multi'],
    ['fal/ideogram-v3', ['init'], 'fal-ai/ideogram/v3/remix'],
    ['fal/ideogram-v3', ['mask', 'init'], 'fal-ai/ideogram/v3/edit'],
    ['fal/gpt-image-1.5', ['init', 'init', 'mask'], 'fal-ai/gpt-image-1.5/edit'],
  ])('of %s with %j is %s', (id, roles, endpoint) => {
    expect(built(image(id, { inputs: roles.map((role) => file(role)) })).endpoint).toBe(endpoint);
  });

  it.each([
    ['fal/veo-3.1', [], 'fal-ai/veo3.1'],
    ['fal/veo-3.1', ['first_frame'], 'fal-ai/veo3.1/image-to-video'],
    ['fal/veo-3.1', ['first_frame', 'last_frame'], 'fal-ai/veo3.1/first-last-frame-to-video'],
    ['fal/pixverse-v6', ['first_frame', 'last_frame'], 'fal-ai/pixverse/v6/transition'],
    ['fal/kling-v3-pro', ['first_frame', 'last_frame'], 'fal-ai/kling-video/v3/pro/image-to-video'],
  ])('of %s with %j is %s', (id, roles, endpoint) => {
    expect(built(video(id, { inputs: roles.map((role) => file(role)) })).endpoint).toBe(endpoint);
  });

  it.each([
    ['fal/veo-3.1', ['last_frame']],
    ['fal/hailuo-02', []],
    ['fal/kling-v3-pro', ['first_frame', 'first_frame']],
    ['fal/ltx-2.3', ['constructor']],
  ])('of %s with %j does not exist', (id, roles) => {
    const request = video(id, { inputs: roles.map((role) => file(role)) });
    expect(refusal(request)).toEqual({ code: 'unsupported', param: 'reference_images', charged: 'no' });
  });
});

describe('values', () => {
  it.each([
    [
      'fal/kling-v3-pro',
      { duration_seconds: 5, guidance_scale: 0.7, audio: false },
      { duration: '5', cfg_scale: 0.7, generate_audio: false },
    ],
    ['fal/veo-3.1', { duration_seconds: 8, resolution: '1080p' }, { duration: '8s', resolution: '1080p' }],
    ['fal/luma-ray-2', { duration_seconds: 9 }, { duration: '9s' }],
    ['fal/ltx-2.3', { duration_seconds: 6, fps: 48 }, { duration: 6, fps: 48 }],
    ['fal/wan-v2.7', { duration_seconds: 7, negative_prompt: 'rain' }, { duration: 7, negative_prompt: 'rain' }],
    ['fal/pixverse-v6', { audio: true }, { generate_audio_switch: true }],
  ])('of %s are written as its endpoint wants them', (id, params, fields) => {
    expect(built(video(id, { params })).body).toEqual({ prompt: 'a fox', ...fields });
  });

  it.each([
    [
      'fal/flux-2',
      { size: { width: 1024, height: 768 }, steps: 20 },
      { image_size: { width: 1024, height: 768 }, num_inference_steps: 20 },
    ],
    ['fal/gpt-image-1.5', { size: { width: 1536, height: 1024 } }, { image_size: '1536x1024' }],
    ['fal/seedream-v4', { size: 'auto' as const }, { image_size: 'auto' }],
    ['fal/sdxl', { output_format: 'png' }, { format: 'png' }],
    ['fal/ideogram-v3', { quality: 'low' }, { rendering_speed: 'TURBO' }],
    ['fal/flux-1.1-pro-ultra', { strength: 0.4 }, { image_prompt_strength: 0.4 }],
  ])('of %s are written as its endpoint wants them', (id, params, fields) => {
    expect(built(image(id, { params })).body).toEqual({ prompt: 'a fox', ...fields });
  });

  it('count the pictures only when several are wanted', () => {
    expect(built(image('fal/flux-2', { n: 1 })).body).toEqual({ prompt: 'a fox' });
    expect(built(image('fal/flux-2', { n: 3 })).body).toEqual({ prompt: 'a fox', num_images: 3 });
  });

  it('that the field cannot carry are refused before anything is sent', () => {
    const whole = { code: 'invalid_request', param: 'duration_seconds', charged: 'no' };
    expect(refusal(video('fal/ltx-2.3', { params: { duration_seconds: 6.5 } }))).toEqual(whole);
    expect(refusal(image('fal/ideogram-v3', { params: { quality: 'best' } }))).toEqual({ ...whole, param: 'quality' });
  });

  it('for which an endpoint has no field are dropped and reported', () => {
    const { body, warnings } = built(image('fal/flux-pro', { params: { steps: 20, seed: 5 } }));
    expect(body).toEqual({ prompt: 'a fox', seed: 5 });
    expect(warnings).toEqual([{ param: 'steps', action: 'dropped', message: "fal's fal-ai/flux-pro/v1.1 has no such option" }]);
    expect(built(video('fal/video', { params: { duration_seconds: 5 } })).warnings).toMatchObject([
      { param: 'duration_seconds', action: 'dropped' },
    ]);
    expect(built(image('fal/flux-2', { params: { made_up: 1 } })).warnings).toMatchObject([{ param: 'made_up', action: 'dropped' }]);
  });
});

describe('references', () => {
  it('go into the fields of their roles', () => {
    const first = file('first_frame');
    const last = file('last_frame');
    expect(built(video('fal/kling-v2.5-turbo-pro', { inputs: [last, first] })).body).toEqual({
      prompt: 'a fox',
      image_url: first.dataUrl(),
      tail_image_url: last.dataUrl(),
    });
    const pictures = [file('init', { width: 8 }), file('init', { width: 16 })];
    const mask = file('mask');
    expect(built(image('fal/gpt-image-1.5', { inputs: [...pictures, mask] })).body).toEqual({
      prompt: 'a fox',
      image_urls: pictures.map((picture) => picture.dataUrl()),
      mask_image_url: mask.dataUrl(),
    });
  });

  it('are a list of one where the endpoint wants a list', () => {
    const picture = file('init');
    expect(built(image('fal/nano-banana', { inputs: [picture] })).body).toEqual({ prompt: 'a fox', image_urls: [picture.dataUrl()] });
  });

  it('travel as a link when they are large and the gateway has an address', () => {
    const sized = (bytes: number, publicUrl?: string): InputMedia => ({ ...file('init', { publicUrl }), bytes });
    const sent = (input: InputMedia) => built(image('fal/flux-dev', { inputs: [input] })).body.image_url;
    const url = 'https://gateway.example/files/1';
    expect(sent(sized(INLINE_LIMIT_BYTES + 1, url))).toBe(url);
    expect(sent(sized(INLINE_LIMIT_BYTES, url))).toMatchObject({ kind: 'litegen.media-text', form: 'data_url' });
    expect(sent(sized(INLINE_LIMIT_BYTES + 1))).toMatchObject({ kind: 'litegen.media-text', form: 'data_url' });
  });
});

describe('extra options', () => {
  it('pass under their own names, typed where the YAML says so', () => {
    expect(built(image('fal/flux-pro', { extra: { safety_tolerance: 3, enhance_prompt: true } })).body).toEqual({
      prompt: 'a fox',
      safety_tolerance: '3',
      enhance_prompt: true,
    });
  });

  it.each(['prompt', 'sync_mode', 'num_images', 'image_size'])('cannot set %s behind the gateway’s back', (name) => {
    const { body, warnings } = built(image('fal/flux-2', { extra: { [name]: 4 } }));
    expect(body).toEqual({ prompt: 'a fox' });
    expect(warnings).toMatchObject([{ param: `extra.${name}`, action: 'dropped' }]);
  });

  it('cannot set a renamed field that decides the price, nor a reference', () => {
    expect(built(image('fal/ideogram-v3', { extra: { rendering_speed: 'QUALITY' } })).body).toEqual({ prompt: 'a fox' });
    const extra = { image_urls: ['http://10.0.0.1/'] };
    expect(built(image('fal/nano-banana', { inputs: [file('init')], extra })).body.image_urls).toHaveLength(1);
  });
});

describe('a model whose upstream cannot be used', () => {
  it.each([
    [{}],
    [{ endpoint: 'flux' }],
    [{ endpoint: 'fal-ai/../admin' }],
    [{ endpoint: 'fal-ai/flux?x=1' }],
    [{ endpoint: 'fal-ai/flux/dev', billable_unit: 'pounds' }],
    [{ endpoint: 'fal-ai/flux/dev', fields: { size: { type: 'round' } } }],
    [{ endpoint: 'fal-ai/flux/dev', with_references: [{ endpoint: 'fal-ai/flux/dev', references: { init: 7 } }] }],
  ])('is refused: %j', (upstream) => {
    const request = testImageRequest({ model: { id: 'fal/broken', upstream } });
    expect(refusal(request)).toEqual({ code: 'internal', param: undefined, charged: 'no' });
  });
});
