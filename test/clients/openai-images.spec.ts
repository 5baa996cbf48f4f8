import { makePng } from '@litegen/plugin-sdk/testing';
import { OPENAI_PROMPTS, type OpenAiSimulator, openAiError, startOpenAiSimulator } from 'litegen-provider-openai/simulator';
import OpenAI, {
  APIError,
  AuthenticationError,
  BadRequestError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  toFile,
} from 'openai';
import { VERSION } from 'openai/version';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../support/gateway.js';
import { client as clientOf } from './table.js';

const MASTER_KEY = 'test-master-key-0123456789';
const IMAGE_BYTES = 3_000_001;
const PICTURE = makePng({ width: 256, height: 256 });

let vendor: OpenAiSimulator;
let gateway: Gateway;
let openai: OpenAI;

beforeAll(async () => {
  vendor = await startOpenAiSimulator({ imageBytes: IMAGE_BYTES });
  gateway = await startGateway({
    env: {
      LITEGEN__MASTER_KEY: MASTER_KEY,
      LITEGEN__PROVIDERS__OPENAI__API_KEY: vendor.apiKey,
      LITEGEN__PROVIDERS__OPENAI__API_BASE: vendor.apiBase,
      LITEGEN__ENGINE__MAX_ATTEMPTS: '1',
    },
  });
  openai = client(MASTER_KEY);
});

afterEach(() => vendor.reset());

afterAll(async () => {
  await gateway?.stop();
  await vendor?.close();
});

function client(apiKey: string): OpenAI {
  return new OpenAI({ apiKey, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
}

async function createKey(limits: object): Promise<string> {
  const answer = await fetch(`${gateway.url}/v1/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'test', ...limits }),
  });
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { key: string }).key;
}

async function failure(promise: Promise<unknown>): Promise<APIError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(APIError);
  return error as APIError;
}

function isPng(base64: string | undefined): boolean {
  return Buffer.from(base64 ?? '', 'base64').toString('latin1', 1, 4) === 'PNG';
}

const call = (calls: string) => clientOf('OpenAI', 'openai', VERSION, calls);

const picture = (name = 'picture.png') => toFile(PICTURE, name, { type: 'application/octet-stream' });

describe('the official OpenAI client: images', () => {
  it('gets base64, with complete usage and what OpenAI tells about the picture', call('`images.generate`'), async () => {
    const answer = await openai.images.generate({
      model: 'gpt-image-2',
      prompt: 'a red fox',
      size: '1536x1024',
      quality: 'low',
      n: 2,
      response_format: 'b64_json',
    });
    expect(answer.data).toHaveLength(2);
    for (const image of answer.data ?? []) {
      expect(Buffer.from(image.b64_json ?? '', 'base64')).toHaveLength(IMAGE_BYTES);
      expect(image.url).toBeUndefined();
    }
    expect(answer).toMatchObject({ size: '1536x1024', quality: 'low', output_format: 'png' });
    const { usage } = answer;
    expect(usage).toMatchObject({ input_tokens: 3, input_tokens_details: { text_tokens: 3, image_tokens: 0 }, output_tokens: 392 });
    expect(usage?.total_tokens).toBe(395);
    // The vendor was asked for GPT Image's own form, which has no `response_format`.
    expect(vendor.requests.at(-1)?.json()).not.toHaveProperty('response_format');
  });

  it('gets a link that works without a key', call('`images.generate`'), async () => {
    const answer = await openai.images.generate({ model: 'mock/paint', prompt: 'a red fox', size: '256x256', response_format: 'url' });
    const [image] = answer.data ?? [];
    expect(image?.b64_json).toBeUndefined();
    const file = await fetch(image?.url ?? '');
    expect([file.status, file.headers.get('content-type')]).toEqual([200, 'image/png']);
    expect(isPng(Buffer.from(await file.arrayBuffer()).toString('base64'))).toBe(true);
  });

  it('gets both forms when it names none', call('`images.generate`'), async () => {
    const { data, response } = await openai.images.generate({ model: 'mock/paint', prompt: 'a fox', size: '256x256' }).withResponse();
    expect(isPng(data.data?.[0]?.b64_json)).toBe(true);
    expect(data.data?.[0]?.url).toContain(`${gateway.url}/v1/files/`);
    expect(response.headers.get('x-litegen-model')).toBe('mock/paint');
    expect(response.headers.get('x-litegen-cost')).toBe('0');
    expect(response.headers.get('x-litegen-generation-id')).toBe((data as unknown as { id: string }).id);
  });

  it('edits one picture', call('`images.edit`'), async () => {
    const answer = await openai.images.edit({ model: 'gpt-image-2', prompt: 'add a moon', image: await picture() });
    expect(isPng(answer.data?.[0]?.b64_json)).toBe(true);
    const sent = vendor.requests.at(-1);
    expect(sent?.path).toBe('/v1/images/edits');
    expect(imagesOf(sent?.json())).toEqual([dataUrl()]);
    expect(answer.usage?.input_tokens_details.image_tokens).toBe(323);
  });

  it('edits three pictures with a mask', call('`images.edit` with several pictures and a mask'), async () => {
    const image = [await picture('a.png'), await picture('b.png'), await picture('c.png')];
    const answer = await openai.images.edit({ model: 'gpt-image-2', prompt: 'add a moon', image, mask: await picture('mask.png') });
    expect(isPng(answer.data?.[0]?.b64_json)).toBe(true);
    const sent = vendor.requests.at(-1)?.json() as { mask?: { image_url?: string } };
    expect(imagesOf(sent)).toHaveLength(3);
    expect(sent.mask?.image_url).toBe(dataUrl());
  });

  it('edits by JSON with data URLs and with the file of an earlier generation', async () => {
    const first = await openai.images.generate({ model: 'mock/paint', prompt: 'a red fox', size: '256x256', response_format: 'url' });
    const fileId = new URL(first.data?.[0]?.url ?? '').pathname.split('/').at(-1);
    const answer = await openai.post<{ data: { b64_json: string }[]; receipt: { applied: string[] } }>('/images/edits', {
      body: { model: 'mock/paint', prompt: 'add a moon', size: '256x256', images: [{ image_url: dataUrl() }, { file_id: fileId }] },
    });
    expect(isPng(answer.data[0]?.b64_json)).toBe(true);
    expect(answer.receipt.applied).toEqual(expect.arrayContaining(['images[0]', 'images[1]']));
  });

  it.each(['generate', 'edit'] as const)(
    'streams partial images: %s',
    call('`images.generate`, `images.edit` with `stream: true`'),
    async (route) => {
      const options = { model: 'gpt-image-2', prompt: 'a red fox', stream: true, partial_images: 2 } as const;
      const stream =
        route === 'generate' ? await openai.images.generate(options) : await openai.images.edit({ ...options, image: await picture() });
      const events: { type: string; b64_json: string; partial_image_index?: number; usage?: { total_tokens: number } }[] = [];
      for await (const event of stream) events.push(event);
      const family = route === 'generate' ? 'image_generation' : 'image_edit';
      expect(events.map(({ type }) => type)).toEqual([`${family}.partial_image`, `${family}.partial_image`, `${family}.completed`]);
      expect(events.map(({ partial_image_index: index }) => index)).toEqual([0, 1, undefined]);
      for (const event of events) {
        expect(Buffer.from(event.b64_json, 'base64')).toHaveLength(IMAGE_BYTES);
        expect(event).toMatchObject({
          created_at: expect.any(Number),
          size: '1024x1024',
          quality: 'auto',
          background: 'auto',
          output_format: 'png',
        });
      }
      expect(events[2]?.usage?.total_tokens).toBeGreaterThan(600);
    },
  );

  it('learns of a failure within a stream', call('a failure within a stream'), async () => {
    const stream = await openai.images.generate({
      model: 'gpt-image-2',
      prompt: OPENAI_PROMPTS.streamError,
      stream: true,
      partial_images: 2,
    });
    const types: string[] = [];
    const error = await failure(
      (async () => {
        for await (const { type } of stream) types.push(type);
      })(),
    );
    expect(types).toEqual(['image_generation.partial_image']);
    expect(error.error).toMatchObject({ code: expect.stringMatching(/^provider_|outcome_unknown/), generation_id: expect.any(String) });
  });

  it('gets the format that it names, and tells how closely pictures are kept', call('`images.edit`'), async () => {
    for (const [format, magic] of [
      ['webp', '52494646'],
      ['jpeg', 'ffd8ffe0'],
    ] as const) {
      const answer = await openai.images.edit({
        model: 'mock/paint',
        prompt: 'a red fox',
        image: await picture(),
        size: '256x256',
        output_format: format,
        input_fidelity: 'high',
        response_format: 'b64_json',
      });
      expect(answer.output_format).toBe(format);
      const bytes = Buffer.from(answer.data?.[0]?.b64_json ?? '', 'base64');
      expect(bytes.toString('hex', 0, 4)).toBe(magic);
      expect(answer.data?.[0]).toMatchObject({ width: 256, height: 256 });
    }
  });

  it('varies a picture without a word', call('`images.createVariation`'), async () => {
    const { data = [] } = await openai.images.createVariation({
      model: 'mock/variation',
      image: await picture(),
      n: 2,
      size: '256x256',
      response_format: 'b64_json',
    });
    expect(data.map(({ b64_json: picture }) => isPng(picture))).toEqual([true, true]);
    expect(data[0]?.b64_json).not.toBe(data[1]?.b64_json);
  });
});

describe('the official OpenAI client: errors', () => {
  const request = { model: 'gpt-image-2', prompt: 'a red fox' };

  it('400 for a field that is wrong', call('errors as its classes: 400, 401, 403, 404, 413, 429'), async () => {
    const error = await failure(openai.images.generate({ ...request, size: '17x17' as '1024x1024' }));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ status: 400, code: 'param_out_of_range', param: 'size', requestID: expect.stringMatching(/^req_/) });
  });

  it('400 for moderation, which only the vendor can say', call('refused by a filter'), async () => {
    const error = await failure(openai.images.generate({ ...request, prompt: OPENAI_PROMPTS.blockedInput }));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({
      code: 'moderation_blocked',
      type: 'invalid_request_error',
      message: expect.stringMatching(/^400 Your request was rejected as a result of the safety system/),
    });
  });

  it('400 before a stream begins', call('refused by a filter'), async () => {
    const error = await failure(Promise.resolve(openai.images.generate({ ...request, prompt: OPENAI_PROMPTS.blockedInput, stream: true })));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error.code).toBe('moderation_blocked');
  });

  it('401 for a key that is not known', call('errors as its classes: 400, 401, 403, 404, 413, 429'), async () => {
    const error = await failure(client('sk_live_unknown').images.generate(request));
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ status: 401, code: 'invalid_api_key', type: 'authentication_error' });
    expect(error.requestID).toMatch(/^req_/);
  });

  it(
    '403 for a key that may not generate, or not with this model',
    call('errors as its classes: 400, 401, 403, 404, 413, 429'),
    async () => {
      const reader = await failure(client(await createKey({ scopes: 'read' })).images.generate(request));
      expect(reader).toBeInstanceOf(PermissionDeniedError);
      expect(reader.code).toBe('forbidden_scope');
      const mocker = await failure(client(await createKey({ allowed_models: ['mock/*'] })).images.generate(request));
      expect(mocker).toBeInstanceOf(PermissionDeniedError);
      expect(mocker).toMatchObject({ code: 'model_not_allowed', param: 'model' });
      expect(vendor.requests).toHaveLength(0);
    },
  );

  it('404 for a model that is not there', call('errors as its classes: 400, 401, 403, 404, 413, 429'), async () => {
    const error = await failure(openai.images.generate({ ...request, model: 'mock/pant' }));
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ status: 404, code: 'model_not_found', param: 'model', type: 'invalid_request_error' });
    expect(error.message).toContain('mock/paint');
    expect(error.requestID).toMatch(/^req_/);
  });

  it('429 from the vendor, with its wish for a pause', call('errors as its classes: 400, 401, 403, 404, 413, 429'), async () => {
    vendor.inject({ kind: 'status', status: 429, body: openAiError('Slow down.'), headers: { 'retry-after': '7' } });
    const error = await failure(openai.images.generate(request));
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({ status: 429, code: 'provider_rate_limited' });
    expect(error.headers?.get('retry-after')).toBe('7');
    expect(error.headers?.get('x-should-retry')).toBe('true');
    expect(error.requestID).toMatch(/^req_/);
  });

  it('400 for a variation of a model that needs words, with those that do not', call('`images.createVariation`'), async () => {
    for (const model of ['openai/gpt-image-2', 'mock/paint']) {
      const error = await failure(openai.images.createVariation({ model, image: await picture() }));
      expect(error).toBeInstanceOf(BadRequestError);
      expect(error).toMatchObject({ code: 'operation_unsupported', param: 'model' });
      expect(error.message).toBe(`400 ${model} makes no variations, as it needs words: use mock/variation.`);
    }
    expect(vendor.requests).toHaveLength(0);
    expect(await failure(openai.images.createVariation({ image: await picture() }))).toMatchObject({ code: 'model_required' });
  });

  it('413 for a file beyond the limit', call('errors as its classes: 400, 401, 403, 404, 413, 429'), async () => {
    const huge = await toFile(makePng({ width: 64, height: 64, bytes: 60_000_000 }), 'huge.png');
    const error = await failure(openai.images.edit({ ...request, image: huge }));
    expect(error).toMatchObject({ status: 413, code: 'body_too_large', param: 'image' });
    expect(vendor.requests).toHaveLength(0);
  });
});

function imagesOf(body: unknown): (string | undefined)[] {
  return (body as { images: { image_url?: string }[] }).images.map(({ image_url: url }) => url);
}

function dataUrl(): string {
  return `data:image/png;base64,${PICTURE.toString('base64')}`;
}
