import { type JsonObject, ProviderError, type StartResult } from '@litegen/plugin-sdk';
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
import { COMPATIBLE_PROMPTS, type CompatibleSimulator, startCompatibleSimulator } from '../simulator/index.js';
import plugin from '../src/index.js';

const KEY = 'sk-local-verysecret';
let vllm: CompatibleSimulator;
let sglang: CompatibleSimulator;

beforeAll(async () => {
  vllm = await startCompatibleSimulator({ flavour: 'vllm-omni', apiKey: KEY });
  sglang = await startCompatibleSimulator({ flavour: 'sglang' });
});
beforeEach(() => {
  vllm.reset();
  sglang.reset();
});
afterAll(() => Promise.all([vllm.close(), sglang.close()]));

const VLLM: JsonObject = { dialect: 'vllm-omni' };
const SGLANG: JsonObject = { dialect: 'sglang' };

function callTo(vendor: CompatibleSimulator, options: TestCallOptions = {}): TestCall {
  return createTestCall({ apiBase: vendor.apiBase, secrets: vendor === vllm ? { apiKey: KEY } : {}, ...options });
}

type Partial = Parameters<typeof testImageRequest>[0];

async function start(options: JsonObject, request: Partial, call: TestCall): Promise<Extract<StartResult, { state: 'done' }>> {
  const result = await plugin.create(createTestSetup('gpu-1', options)).image?.start(testImageRequest(request), call);
  if (result?.state !== 'done') throw new Error('these servers answer at once');
  return result;
}

async function failure(options: JsonObject, request: Partial, call: TestCall): Promise<ProviderError> {
  const error = await start(options, request, call).catch((thrown: unknown) => thrown);
  if (!ProviderError.is(error)) throw new Error(`expected a ProviderError, got ${String(error)}`);
  return error;
}

describe('generation', () => {
  it('asks vLLM-Omni for base64 with its extension keys', async () => {
    const call = callTo(vllm);
    const params = { size: { width: 640, height: 352 }, negative_prompt: 'blur', seed: 7, steps: 30, guidance_scale: 4.5 };
    const extra = { true_cfg_scale: 3, response_format: 'url' };
    const result = await start(VLLM, { params, n: 2, extra, user: 'u', model: { upstream: { model: 'served-model' } } }, call);
    expect(vllm.requests[0]?.json()).toEqual({
      model: 'served-model',
      prompt: 'a lighthouse in fog',
      n: 2,
      size: '640x352',
      negative_prompt: 'blur',
      seed: 7,
      num_inference_steps: 30,
      guidance_scale: 4.5,
      true_cfg_scale: 3,
      user: 'u',
      response_format: 'b64_json',
    });
    expect(call.warnings).toEqual([expect.objectContaining({ param: 'extra.response_format', action: 'dropped' })]);
    expect(result.outputs).toHaveLength(2);
    const media = result.outputs[0]?.media;
    if (media?.kind !== 'litegen.stored-media') throw new Error('the picture was not stored');
    expect(imageSize(call.read(media))).toMatchObject({ width: 640, height: 352 });
  });

  it('names no model unless the YAML or the operator does', async () => {
    await start(VLLM, {}, callTo(vllm));
    expect(vllm.requests[0]?.json()).not.toHaveProperty('model');
    await start({ ...VLLM, model: 'served-model' }, {}, callTo(vllm));
    expect(vllm.requests[1]?.json()).toMatchObject({ model: 'served-model' });
    expect(await failure({ ...VLLM, model: 'other' }, {}, callTo(vllm))).toMatchObject({ code: 'unsupported', param: 'model' });
  });

  it('resolves relative links, and sends the server its headers and nobody else', async () => {
    const call = callTo(sglang, { secrets: { apiKey: KEY } });
    const result = await start({ dialect: 'strict', headers: { 'X-Tenant': 'a' } }, {}, call);
    expect(result.outputs[0]?.media).toEqual({
      kind: 'url',
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/v1\/images\/img_\d+\/content\?variant=0$/),
      headers: { authorization: `Bearer ${KEY}`, 'x-tenant': 'a' },
    });
    sglang.inject({ kind: 'status', status: 200, body: { data: [{ url: 'https://files.example.com/a.png' }] } });
    const elsewhere = await start({ dialect: 'strict' }, {}, call);
    expect(elsewhere.outputs[0]?.media).toEqual({ kind: 'url', url: 'https://files.example.com/a.png' });
    const inline = `data:image/png;base64,${makePng().toString('base64')}`;
    sglang.inject({ kind: 'status', status: 200, body: { data: [{ url: inline, seed: 9, revised_prompt: 'a fox' }] } });
    const small = await start({ dialect: 'strict' }, {}, call);
    expect(small.outputs[0]).toEqual({ media: expect.objectContaining({ contentType: 'image/png' }), seed: 9, revisedPrompt: 'a fox' });
  });

  it('hands token counts of a gateway through', async () => {
    const usage = { input_tokens: 50, output_tokens: 439, input_tokens_details: { text_tokens: 10, image_tokens: 40 } };
    const b64 = makePng().toString('base64');
    sglang.inject({ kind: 'status', status: 200, body: { data: [{ b64_json: b64 }], usage } });
    const result = await start({}, {}, callTo(sglang));
    expect(result.usage).toEqual({ input_text_tokens: 10, input_image_tokens: 40, output_image_tokens: 439 });
  });

  it('refuses what a dialect cannot carry before anything is sent', async () => {
    expect(await failure({ dialect: 'strict' }, { params: { seed: 1 } }, callTo(sglang))).toMatchObject({
      code: 'unsupported',
      param: 'seed',
    });
    expect(await failure(SGLANG, { params: { aspect_ratio: '16:9' } }, callTo(sglang))).toMatchObject({ param: 'aspect_ratio' });
    expect(await failure(VLLM, { params: { resolution: '2K' } }, callTo(vllm))).toMatchObject({ code: 'unsupported', param: 'resolution' });
    expect(vllm.requests.length + sglang.requests.length).toBe(0);
    await start(VLLM, { params: { resolution: '512x256' } }, callTo(vllm));
    expect(vllm.requests[0]?.json()).toMatchObject({ size: '512x256' });
  });

  it.each(['', '/', '/v1', '/v1/', '/v1/images/generations'])('accepts a base URL that ends in "%s"', async (suffix) => {
    await start(SGLANG, {}, callTo(sglang, { apiBase: `${sglang.origin}${suffix}` }));
    expect(sglang.requests[0]?.path).toBe('/v1/images/generations');
  });

  it('says so when there is no base URL, and sends no key when there is none', async () => {
    expect(await failure({}, {}, createTestCall())).toMatchObject({ code: 'unsupported', message: expect.stringContaining('api_base') });
    await start(SGLANG, {}, callTo(sglang));
    expect(sglang.requests[0]?.headers).not.toHaveProperty('authorization');
  });

  it.each<JsonObject>([{ dialect: 'vllm' }, { headers: ['a'] }, { headers: { a: 1 } }, { model: 3 }, { timeout: 3 }])(
    'refuses the options %o',
    (options) => {
      expect(() => plugin.create(createTestSetup('gpu-1', options))).toThrow(ProviderError);
    },
  );
});

describe('edit', () => {
  const picture = () => testInput({ width: 16, height: 16 });
  const mask = () => testInput({ role: 'mask', bytes: makePng({ width: 16, height: 16, colour: [0, 0, 0, 0] }) });

  it('sends pictures under the names of the dialect', async () => {
    const request: Partial = { operation: 'image.edit', inputs: [picture(), picture()], params: { seed: 3, size: 'auto' } };
    await start(VLLM, request, callTo(vllm));
    expect((await vllm.requests[0]?.form())?.getAll('image')).toHaveLength(2);
    await start(SGLANG, { ...request, params: { seed: 3 } }, callTo(sglang));
    const form = await sglang.requests[0]?.form();
    expect(form?.getAll('image[]')).toHaveLength(2);
    expect(form?.get('seed')).toBe('3');
    expect(form?.get('response_format')).toBe('b64_json');
    await start(SGLANG, { ...request, inputs: [picture()], params: {} }, callTo(sglang));
    expect((await sglang.requests[1]?.form())?.getAll('image')).toHaveLength(1);
  });

  it('hands a mask to SGLang as it is, and to vLLM-Omni in black and white', async () => {
    const request: Partial = { operation: 'image.edit', inputs: [picture(), mask()] };
    await start(SGLANG, request, callTo(sglang));
    const sent = (await sglang.requests[0]?.form())?.get('mask') as File;
    expect(Buffer.from(await sent.arrayBuffer())).toEqual(makePng({ width: 16, height: 16, colour: [0, 0, 0, 0] }));
    await start(VLLM, request, callTo(vllm));
    const form = await vllm.requests[0]?.form();
    expect(form?.get('mask')).toBeNull();
    const converted = form?.get('mask_image');
    if (!(converted instanceof File)) throw new Error('no mask was sent');
    expect(imageSize(Buffer.from(await converted.arrayBuffer()))).toMatchObject({ width: 16, height: 16 });
  });

  it('needs a picture, and one mask at most', async () => {
    expect(await failure(VLLM, { operation: 'image.edit', inputs: [mask()] }, callTo(vllm))).toMatchObject({ param: 'image' });
    expect(await failure(SGLANG, { operation: 'image.edit', inputs: [picture(), mask(), mask()] }, callTo(sglang))).toMatchObject({
      param: 'mask',
    });
  });
});

describe('errors', () => {
  it('reads the shapes of vLLM, FastAPI and OpenAI', async () => {
    const tooLarge = await failure(VLLM, { params: { size: { width: 8000, height: 8000 } } }, callTo(vllm));
    expect(tooLarge).toMatchObject({ code: 'invalid_request', param: 'size', vendorStatus: 400, vendorCode: '400' });
    const steps = await failure(VLLM, { params: { steps: 900 } }, callTo(vllm));
    expect(steps).toMatchObject({ code: 'invalid_request', param: 'steps', vendorStatus: 422, vendorCode: 'less_than_equal' });
    const detail = await failure(SGLANG, { params: { size: { width: 9000, height: 9000 } } }, callTo(sglang));
    expect(detail).toMatchObject({ code: 'invalid_request', message: 'Requested image size 9000x9000 exceeds the maximum.' });
    const blocked = await failure({}, { prompt: COMPATIBLE_PROMPTS.blocked }, callTo(sglang));
    expect(blocked).toMatchObject({ code: 'content_rejected', vendorCode: 'content_policy_violation' });
  });

  it('takes exhausted memory for a request that cannot work, not for an outage', async () => {
    const error = await failure(VLLM, { prompt: COMPATIBLE_PROMPTS.outOfMemory }, callTo(vllm));
    expect(error).toMatchObject({ code: 'invalid_request', param: 'size', vendorStatus: 500 });
  });

  it.each([
    [402, 'quota_exhausted', 'no'],
    [403, 'permission_denied', 'no'],
    [404, 'unsupported', 'no'],
    [405, 'unsupported', 'no'],
    [408, 'timeout', 'no'],
    [409, 'unavailable', 'no'],
    [429, 'rate_limited', 'no'],
    [500, 'unavailable', 'no'],
    [501, 'unsupported', 'no'],
    [502, 'unavailable', 'unknown'],
    [503, 'unavailable', 'no'],
    [504, 'unavailable', 'unknown'],
  ] as const)('%i is %s, charged %s', async (status, code, charged) => {
    sglang.inject({ kind: 'status', status, body: { detail: 'told so' }, headers: { 'retry-after': '7' } });
    expect(await failure({}, {}, callTo(sglang))).toMatchObject({ code, charged, message: 'told so', retryAfterMs: 7000 });
  });

  it('never repeats the key', async () => {
    const refused = await failure(VLLM, {}, callTo(vllm, { secrets: { apiKey: 'wrong' } }));
    expect(refused).toMatchObject({ code: 'authentication_failed', message: 'The server did not accept the API key.' });
    expect(await failure(VLLM, {}, callTo(vllm, { secrets: {} }))).toMatchObject({ message: 'The server wants an API key.' });
    vllm.inject({ kind: 'status', status: 403, body: { detail: `${KEY} may not` } });
    expect((await failure(VLLM, {}, callTo(vllm))).message).toBe('[secret] may not');
  });

  it('maps broken connections and answers to charged unknown', async () => {
    sglang.inject({ kind: 'drop' });
    expect(await failure({}, {}, callTo(sglang))).toMatchObject({ code: 'unavailable', charged: 'unknown' });
    for (const fault of [{ kind: 'garbage' }, { kind: 'truncate' }] as const) {
      sglang.inject(fault);
      expect(await failure({}, {}, callTo(sglang))).toMatchObject({ code: 'invalid_response', charged: 'unknown' });
    }
    sglang.inject({ kind: 'status', status: 200, body: { created: 5 } });
    expect((await start({}, {}, callTo(sglang))).outputs).toEqual([]);
  });
});

describe('check', () => {
  it('asks for the models, else for the health', async () => {
    const check = (vendor: CompatibleSimulator, secrets = {}) =>
      plugin.create(createTestSetup('gpu-1')).check?.(callTo(vendor, { secrets }));
    await check(vllm, { apiKey: KEY });
    await expect(check(vllm)).rejects.toMatchObject({ code: 'authentication_failed' });
    sglang.inject({ kind: 'status', status: 404 }, { path: '/v1/models' });
    await check(sglang);
    expect(sglang.count('/health')).toBe(1);
  });
});
