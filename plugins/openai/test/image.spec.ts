import { type ImageRequest, ProviderError, type StartResult } from '@litegen/plugin-sdk';
import {
  createTestCall,
  createTestSetup,
  makePng,
  type TestCall,
  type TestCallOptions,
  testImageRequest,
  testInput,
} from '@litegen/plugin-sdk/testing';
import { imageSize } from 'image-size';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OPENAI_PROMPTS, type OpenAiSimulator, openAiError, startOpenAiSimulator } from '../simulator/index.js';
import plugin from '../src/index.js';

const GENERATIONS = '/v1/images/generations';
const EDITS = '/v1/images/edits';
let vendor: OpenAiSimulator;

beforeAll(async () => {
  vendor = await startOpenAiSimulator();
});
beforeEach(() => vendor.reset());
afterAll(() => vendor.close());

function newCall(options: TestCallOptions = {}): TestCall {
  return createTestCall({ apiBase: vendor.apiBase, secrets: { apiKey: vendor.apiKey }, ...options });
}

async function start(request: Parameters<typeof testImageRequest>[0], call = newCall()): Promise<Extract<StartResult, { state: 'done' }>> {
  const instance = plugin.create(createTestSetup('openai'));
  const full: ImageRequest = testImageRequest({ ...request, model: { id: 'openai/gpt-image-2', ...request?.model } });
  const result = await instance.image?.start(full, call);
  if (result?.state !== 'done') throw new Error('OpenAI answers at once');
  return result;
}

async function failure(request: Parameters<typeof testImageRequest>[0], call = newCall()): Promise<ProviderError> {
  const error = await start(request, call).catch((thrown: unknown) => thrown);
  if (!ProviderError.is(error)) throw new Error(`expected a ProviderError, got ${String(error)}`);
  return error;
}

describe('generation', () => {
  it('sends what was asked and returns stored pictures with the usage', async () => {
    const call = newCall();
    const result = await start(
      {
        prompt: 'a fox in the snow',
        n: 2,
        user: 'user-7',
        params: {
          size: { width: 1280, height: 720 },
          quality: 'high',
          background: 'opaque',
          output_format: 'png',
          moderation: 'low',
        },
      },
      call,
    );
    expect(vendor.requests[0]?.json()).toEqual({
      model: 'gpt-image-2',
      prompt: 'a fox in the snow',
      n: 2,
      size: '1280x720',
      quality: 'high',
      background: 'opaque',
      output_format: 'png',
      moderation: 'low',
      safety_identifier: 'user-7',
    });
    expect(result.outputs).toHaveLength(2);
    const media = result.outputs[0]?.media;
    if (media?.kind !== 'litegen.stored-media') throw new Error('the picture was not stored');
    expect(imageSize(call.read(media))).toMatchObject({ type: 'png', width: 1280, height: 720 });
    expect(result.usage).toEqual({ input_text_tokens: 5, input_image_tokens: 0, output_image_tokens: 3512, output_text_tokens: 0 });
    expect(result.vendorRequestId).toMatch(/^req_\d+$/);
    expect(call.requests[0]?.submits).toBe(true);
    expect(call.warnings).toEqual([]);
  });

  it('turns an aspect ratio into a size and says so', async () => {
    const call = newCall();
    await start({ params: { aspect_ratio: '16:9', size: 'auto' } }, call);
    expect(vendor.requests[0]?.json()).toMatchObject({ size: '1280x720' });
    expect(call.warnings).toEqual([expect.objectContaining({ param: 'aspect_ratio', action: 'mapped' })]);
  });

  it('reports what it cannot use and never lets a vendor option replace the request', async () => {
    const call = newCall();
    const params = { seed: 7, size: { width: 1024, height: 1024 }, aspect_ratio: '3:2' };
    const extra = { prompt: 'something else', stream: true, complexity: 'low' };
    await start({ params, extra, model: { upstream: { model: 'gpt-image-2.6-flare' } } }, call);
    expect(vendor.requests[0]?.json()).toEqual({
      model: 'gpt-image-2.6-flare',
      prompt: 'a lighthouse in fog',
      n: 1,
      size: '1024x1024',
      complexity: 'low',
    });
    expect(call.warnings.map(({ param, action }) => `${param} ${action}`).sort()).toEqual([
      'aspect_ratio dropped',
      'extra.prompt dropped',
      'extra.stream dropped',
      'seed dropped',
    ]);
  });

  it('sends organization and project, and a digest of a long user name', async () => {
    const call = newCall({ options: { organization: 'org-1', project: 'proj_2' } });
    await start({ user: 'x'.repeat(200) }, call);
    expect(vendor.requests[0]?.headers).toMatchObject({ 'openai-organization': 'org-1', 'openai-project': 'proj_2' });
    expect(vendor.requests[0]?.json()).toMatchObject({ safety_identifier: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });

  it('refuses options that it does not know when the provider is loaded', () => {
    expect(() => plugin.create(createTestSetup('openai', { organisation: 'org-1' }))).toThrow(/organisation/);
    expect(() => plugin.create(createTestSetup('openai', { project: 5 }))).toThrow(/project/);
  });

  it.each(['jpeg', 'webp', 'gif'])('stores %s for what it is', async (format) => {
    const model = { upstream: { model: 'gpt-image-2.6-flare' } };
    const result = await start({ params: { output_format: format }, model });
    expect(result.outputs[0]?.media).toMatchObject({ contentType: `image/${format}` });
  });
});

describe('edit', () => {
  it('sends pictures and mask as data URLs in JSON', async () => {
    const inputs = [
      testInput({ width: 32, height: 32 }),
      testInput({ width: 16, height: 16 }),
      testInput({ role: 'mask', width: 32, height: 32 }),
    ];
    const params = { input_fidelity: 'high', size: { width: 1536, height: 1024 } };
    const result = await start({ operation: 'image.edit', inputs, params, model: { upstream: { model: 'gpt-image-1.5' } } });
    const body = vendor.requests[0]?.json() as { images: { image_url: string }[]; mask: { image_url: string } };
    expect(vendor.requests[0]?.path).toBe(EDITS);
    expect(body.images).toHaveLength(2);
    expect(body.images[0]?.image_url).toBe(`data:image/png;base64,${Buffer.from((await inputs[0]?.read()) ?? '').toString('base64')}`);
    expect(body.mask.image_url).toMatch(/^data:image\/png;base64,/);
    expect(result.usage).toMatchObject({ input_image_tokens: 646 });
  });

  it('sends multipart for a size that the JSON schema does not list, and for a markup', async () => {
    const inputs = [testInput({ width: 32, height: 32 }), testInput({ width: 16, height: 16 }), testInput({ role: 'markup' })];
    const params = { size: { width: 1280, height: 720 }, quality: 'max' };
    await start({ operation: 'image.edit', inputs, params, model: { upstream: { model: 'gpt-image-2.5-flare' } } });
    const form = await vendor.requests[0]?.form();
    expect(form?.getAll('image[]')).toHaveLength(2);
    expect(form?.get('markup')).toBeInstanceOf(File);
    expect(form?.get('size')).toBe('1280x720');
  });

  it('sends multipart for a picture whose data URL would be too long', async () => {
    const inputs = [testInput({ bytes: makePng({ bytes: 16 * 1024 * 1024 }) })];
    await start({ operation: 'image.edit', inputs });
    expect(vendor.requests[0]?.headers['content-type']).toMatch(/^multipart\/form-data/);
    expect((await vendor.requests[0]?.form())?.get('image')).toBeInstanceOf(File);
  });

  it('needs a picture, and not both mask and markup', async () => {
    const mask = testInput({ role: 'mask' });
    expect(await failure({ operation: 'image.edit', inputs: [mask] })).toMatchObject({ code: 'invalid_request', param: 'image' });
    const both = [testInput(), mask, testInput({ role: 'markup' })];
    expect(await failure({ operation: 'image.edit', inputs: both })).toMatchObject({ code: 'invalid_request', param: 'mask' });
    expect(vendor.requests).toHaveLength(0);
  });

  it('passes a refused mask on as the vendor words it', async () => {
    const inputs = [testInput({ width: 32, height: 32 }), testInput({ role: 'mask', width: 16, height: 16 })];
    expect(await failure({ operation: 'image.edit', inputs })).toMatchObject({ code: 'invalid_request', param: 'mask', charged: 'no' });
  });
});

describe('stream', () => {
  it('hands partial images over, then the finished one with its usage', async () => {
    const call = newCall();
    const result = await start({ partialImages: 2, params: { quality: 'low' } }, call);
    expect(vendor.requests[0]?.json()).toMatchObject({ stream: true, partial_images: 2 });
    expect(vendor.requests[0]?.headers.accept).toBe('text/event-stream');
    expect(call.events).toEqual([0, 1].map((index) => expect.objectContaining({ type: 'partial_image', index })));
    expect(result.outputs).toHaveLength(1);
    expect(result.usage).toMatchObject({ output_image_tokens: 396 });
  });

  it('streams edits, and adds up the usage of several images', async () => {
    const call = newCall();
    const result = await start(
      { operation: 'image.edit', inputs: [testInput()], n: 2, partialImages: 1, params: { quality: 'low' } },
      call,
    );
    expect(call.events).toHaveLength(1);
    expect(result.outputs).toHaveLength(2);
    expect(result.usage).toMatchObject({ output_image_tokens: 492, input_image_tokens: 646 });
  });

  it('fails as maybe charged when the stream errs, ends early or breaks', async () => {
    const erred = await failure({ prompt: OPENAI_PROMPTS.streamError, partialImages: 1 });
    expect(erred).toMatchObject({ code: 'unavailable', charged: 'unknown', vendorCode: 'server_error' });
    const ended = await failure({ prompt: OPENAI_PROMPTS.streamEnd, partialImages: 1 });
    expect(ended).toMatchObject({ code: 'invalid_response', charged: 'unknown' });
    vendor.inject({ kind: 'truncate', afterBytes: 300 });
    expect(await failure({ partialImages: 1 })).toMatchObject({ code: 'invalid_response', charged: 'unknown' });
  });
});

describe('errors', () => {
  it.each([
    [400, { code: 'moderation_blocked', type: 'image_generation_user_error' }, 'content_rejected', 'no'],
    [400, { code: 'content_policy_violation' }, 'content_rejected', 'no'],
    [400, { code: 'billing_hard_limit_reached' }, 'quota_exhausted', 'no'],
    [400, { code: 'invalid_value', param: 'size' }, 'invalid_request', 'no'],
    [403, {}, 'permission_denied', 'no'],
    [404, { code: 'model_not_found', param: 'model' }, 'unsupported', 'no'],
    [408, {}, 'timeout', 'no'],
    [409, {}, 'unavailable', 'no'],
    [413, {}, 'invalid_request', 'no'],
    [429, { code: 'rate_limit_exceeded' }, 'rate_limited', 'no'],
    [429, { type: 'insufficient_quota', code: 'credit_balance_exhausted' }, 'quota_exhausted', 'no'],
    [429, { code: 'project_spend_limit_exceeded' }, 'quota_exhausted', 'no'],
    [500, { type: 'server_error' }, 'unavailable', 'no'],
    [502, {}, 'unavailable', 'unknown'],
    [503, {}, 'unavailable', 'no'],
    [504, {}, 'unavailable', 'unknown'],
  ] as const)('%i %o is %s, charged %s', async (status, details, code, charged) => {
    vendor.inject({ kind: 'status', status, body: openAiError('told so', details), headers: { 'x-request-id': 'req_x' } });
    expect(await failure({})).toMatchObject({ code, charged, message: 'told so', vendorStatus: status, vendorRequestId: 'req_x' });
  });

  it('reads how long to wait', async () => {
    const now = () => new Date('2026-11-20T12:00:00Z');
    const waits = async (headers: Record<string, string>): Promise<number | undefined> => {
      vendor.inject({ kind: 'status', status: 429, headers });
      return (await failure({}, newCall({ now }))).retryAfterMs;
    };
    expect(await waits({ 'retry-after-ms': '250', 'retry-after': '9' })).toBe(250);
    expect(await waits({ 'retry-after': '9' })).toBe(9000);
    expect(await waits({ 'retry-after': 'Fri, 20 Nov 2026 12:00:30 GMT' })).toBe(30_000);
    expect(await waits({ 'retry-after': 'soon' })).toBeUndefined();
  });

  it('tells a moderated prompt from a moderated picture', async () => {
    expect(await failure({ prompt: OPENAI_PROMPTS.blockedInput })).toMatchObject({ code: 'content_rejected', charged: 'no' });
    expect(await failure({ prompt: OPENAI_PROMPTS.blockedOutput })).toMatchObject({ code: 'content_rejected', charged: 'unknown' });
  });

  it('never repeats the key', async () => {
    const secret = 'sk-live-verysecret';
    const call = newCall({ secrets: { apiKey: secret } });
    const refused = await failure({}, call);
    expect(refused.code).toBe('authentication_failed');
    vendor.inject({ kind: 'status', status: 403, body: openAiError(`${secret} may not do this`) });
    const denied = await failure({}, call);
    expect(`${refused.message} ${denied.message}`).not.toContain(secret);
    expect(denied.message).toBe('[secret] may not do this');
  });

  it('asks for the key before anything is sent', async () => {
    expect(await failure({}, newCall({ secrets: {} }))).toMatchObject({ code: 'authentication_failed', charged: 'no' });
    expect(vendor.requests).toHaveLength(0);
  });

  it('maps a connection that breaks after the work was accepted to charged unknown', async () => {
    vendor.inject({ kind: 'drop' });
    expect(await failure({})).toMatchObject({ code: 'unavailable', charged: 'unknown' });
  });

  it.each([{ kind: 'garbage' }, { kind: 'truncate' }] as const)('maps %o to invalid_response', async (fault) => {
    vendor.inject(fault, { path: GENERATIONS });
    expect(await failure({})).toMatchObject({ code: 'invalid_response', charged: 'unknown' });
  });

  it('answers without a picture when OpenAI does', async () => {
    vendor.inject({ kind: 'status', status: 200, body: { created: 1, data: [] } }, { path: GENERATIONS });
    expect(await start({})).toMatchObject({ outputs: [], withheld: [] });
  });

  it('reads error bodies that are not JSON', async () => {
    vendor.inject({ kind: 'garbage', status: 500 });
    expect(await failure({})).toMatchObject({ code: 'unavailable', message: 'OpenAI answered with status 500.' });
  });
});

describe('check', () => {
  it('proves the key without making anything', async () => {
    const instance = plugin.create(createTestSetup('openai'));
    await instance.check?.(newCall());
    expect(vendor.count('/v1/models', 'GET')).toBe(1);
    await expect(instance.check?.(newCall({ secrets: { apiKey: 'wrong' } }))).rejects.toMatchObject({ code: 'authentication_failed' });
  });
});
