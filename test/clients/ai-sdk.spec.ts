import { createOpenAI, VERSION as OPENAI_VERSION } from '@ai-sdk/openai';
import { VERSION as COMPATIBLE_VERSION, createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { makePng } from '@litegen/plugin-sdk/testing';
import { APICallError, generateImage, RetryError } from 'ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../support/gateway.js';
import { client } from './table.js';

const KEY = 'test-master-key-0123456789';
const PICTURE = makePng({ width: 256, height: 256 });

let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway({ env: { LITEGEN__MASTER_KEY: KEY, LITEGEN__ENGINE__MAX_ATTEMPTS: '1' } });
});

afterAll(async () => {
  await gateway?.stop();
});

type Options = Omit<Parameters<typeof generateImage>[0], 'model' | 'prompt'>;

/** The SDK's providers at the gateway. What a caller asks of a provider beyond the SDK's own words goes under its name. */
const PROVIDERS = {
  createOpenAI: {
    package: '@ai-sdk/openai',
    version: OPENAI_VERSION,
    model: (id: string, apiKey: string) => createOpenAI({ baseURL: `${gateway.url}/v1`, apiKey }).image(id),
    options: { openai: { quality: 'low', background: 'opaque' } },
  },
  createOpenAICompatible: {
    package: '@ai-sdk/openai-compatible',
    version: COMPATIBLE_VERSION,
    model: (id: string, apiKey: string) => createOpenAICompatible({ name: 'litegen', baseURL: `${gateway.url}/v1`, apiKey }).imageModel(id),
    options: { litegen: { quality: 'low', background: 'opaque', seed: 7, response_format: 'b64_json' } },
  },
} as const;

describe.each(Object.entries(PROVIDERS))('the AI SDK: %s', (name, provider) => {
  const call = (calls: string) => client(name, provider.package, provider.version, calls);

  const draw = (prompt: Parameters<typeof generateImage>[0]['prompt'], options: Options = {}, id = 'mock/paint', apiKey = KEY) =>
    generateImage({ model: provider.model(id, apiKey), prompt, maxRetries: 0, ...options });

  async function failure(promise: Promise<unknown>): Promise<APICallError> {
    const error = await promise.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(APICallError.isInstance(error), String(error)).toBe(true);
    return error as APICallError;
  }

  const codeOf = (error: APICallError) => (JSON.parse(error.responseBody ?? '{}') as { error?: { code: string } }).error?.code;

  it('draws pictures', call('`generateImage`'), async () => {
    const { images, responses, warnings } = await draw('a red fox', { n: 2, size: '256x256', providerOptions: provider.options });
    expect(images.map(({ mediaType }) => mediaType)).toEqual(['image/png', 'image/png']);
    for (const { uint8Array } of images) expect(Buffer.from(uint8Array).readUInt32BE(16)).toBe(256);
    expect(warnings).toEqual([]);
    expect(responses[0]?.headers?.['x-litegen-generation-id']).toMatch(/^litegen-img-/);
  });

  it('edits pictures, with a mask', call('`generateImage` with `images` and `mask`'), async () => {
    for (const images of [[PICTURE], [PICTURE, PICTURE]]) {
      const { image } = await draw({ text: 'add a moon', images, mask: PICTURE }, { size: '256x256' });
      expect(image.mediaType).toBe('image/png');
    }
  });

  it('learns why a picture was refused', call('`generateImage`, refused by a filter'), async () => {
    const error = await failure(draw('x [mock fail=content_rejected]'));
    expect([error.statusCode, codeOf(error), error.isRetryable]).toEqual([400, 'moderation_blocked', false]);
    expect(error.message).toMatch(/^Your request was rejected as a result of the safety system/);
  });

  it('learns of a wrong key, a wrong model and a wrong size', call('a wrong key, a wrong model, a wrong size'), async () => {
    const errors = [
      await failure(draw('a red fox', {}, 'mock/paint', 'sk_live_wrong')),
      await failure(draw('a red fox', {}, 'mock/pain')),
      await failure(draw('a red fox', { size: '17x17' })),
    ];
    expect(errors.map((error) => [error.statusCode, codeOf(error), error.isRetryable])).toEqual([
      [401, 'invalid_api_key', false],
      [404, 'model_not_found', false],
      [400, 'param_enum_mismatch', false],
    ]);
  });

  it('tries again when a vendor is busy', call('`generateImage`, tried again by `maxRetries`'), async () => {
    const { image } = await draw('x [mock fail=rate_limited retry_after=1 times=1]', { maxRetries: 1, size: '256x256' });
    expect(image.mediaType).toBe('image/png');
  });

  // It tries every 5xx again and does not heed x-should-retry.
  it('does not buy twice with an idempotency key', call('`generateImage` with the header `Idempotency-Key`'), async () => {
    const headers = { 'Idempotency-Key': `${name}-1` };
    const error = await draw('x [mock fail=unavailable charged=unknown]', { maxRetries: 1, headers }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    const tries = (RetryError.isInstance(error) ? error.errors : []) as APICallError[];
    expect(tries.map(codeOf)).toEqual(['outcome_unknown', 'outcome_unknown']);
    expect(new Set(tries.map(({ responseHeaders }) => responseHeaders?.['x-litegen-generation-id'])).size).toBe(1);
  });
});
