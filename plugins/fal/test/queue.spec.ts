import type { Json, StartResult } from '@litegen/plugin-sdk';
import { testImageRequest, testVideoRequest } from '@litegen/plugin-sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FalSimulator, type FalSimulatorOptions, startFalSimulator } from '../simulator/index.js';
import { falCall, falProviders, followed } from './fal-call.js';
import { requestedModel } from './shipped-models.js';

let vendor: FalSimulator;
beforeEach(async () => {
  vendor = await startFalSimulator();
});
afterEach(() => vendor.close());

const restarted = async (options: FalSimulatorOptions): Promise<void> => {
  await vendor.close();
  vendor = await startFalSimulator(options);
};

const picture = (prompt = 'a lighthouse', id = 'fal/flux-dev') => testImageRequest({ model: requestedModel(id), prompt });
const clip = () => testVideoRequest({ model: requestedModel('fal/kling-v2.5-turbo-pro'), prompt: 'waves' });

function operationOf(result: StartResult): Json {
  if (result.state !== 'started') throw new Error(`the submission ended as ${result.state}`);
  return result.operation;
}

describe('a submission', () => {
  it('sends the bare input with the key and tells where to ask', async () => {
    const call = falCall(vendor);
    const result = await falProviders().image.start({ ...picture(), params: { steps: 20, size: { width: 1024, height: 512 } } }, call);
    const id = vendor.submissions[0]?.id;
    const link = `${vendor.origin}/fal-ai/flux/requests/${id}`;
    expect(result).toEqual({
      state: 'started',
      operation: {
        request_id: id,
        endpoint: 'fal-ai/flux/dev',
        status_url: `${link}/status`,
        response_url: link,
        cancel_url: `${link}/cancel`,
        billable_unit: 'megapixels',
      },
      vendorJobId: id,
      vendorRequestId: id,
    });
    expect(vendor.submissions[0]?.input).toEqual({
      prompt: 'a lighthouse',
      num_inference_steps: 20,
      image_size: { width: 1024, height: 512 },
    });
    expect(vendor.submissions[0]?.headers.authorization).toBe('Key test-key-id:test-key-secret');
    expect(call.requests.map(({ submits }) => submits)).toEqual([true]);
  });

  it('names the callback when the gateway has an address for it', async () => {
    const webhookUrl = 'https://gateway.example/v1/vendor-webhooks/1?token=a&b';
    await restarted({ callBack: false });
    await falProviders().image.start(picture(), falCall(vendor, { webhookUrl }));
    expect(vendor.submissions[0]?.webhookUrl).toBe(webhookUrl);
  });

  it('rebuilds the links when the answer has none', async () => {
    await restarted({ bareSubmissions: true });
    const { image } = falProviders();
    const operation = operationOf(await image.start(picture(), falCall(vendor)));
    expect(operation).toMatchObject({ status_url: `${vendor.origin}/fal-ai/flux/requests/${vendor.submissions[0]?.id}/status` });
    expect(await followed(image, operation, falCall(vendor))).toMatchObject({ state: 'succeeded' });
  });

  it('follows no link to another origin, where the key would go along', async () => {
    await restarted({ linkOrigin: 'https://evil.example' });
    const { image } = falProviders();
    const call = falCall(vendor);
    const operation = operationOf(await image.start(picture(), call));
    expect(JSON.stringify(operation)).not.toContain('evil.example');
    const planted = {
      ...(operation as Record<string, Json>),
      status_url: 'https://evil.example/status',
      response_url: 'https://evil.example/',
    };
    expect(await followed(image, planted, call)).toMatchObject({ state: 'succeeded' });
    expect(call.refused).toEqual([]);
  });

  it('carries the operator’s priority and expiry', async () => {
    const options = { queue_priority: 'low', output_expiration_seconds: 3600 };
    await falProviders().image.start(picture(), falCall(vendor, { options }));
    expect(vendor.submissions[0]?.headers).toMatchObject({
      'x-fal-queue-priority': 'low',
      'x-fal-object-lifecycle-preference': '{"expiration_duration_seconds":3600}',
    });
  });

  it.each([
    ['queue_priority', 'urgent'],
    ['output_expiration_seconds', 0],
    ['rest_url', 7],
  ])('refuses the option %s: %j', async (name, value) => {
    const options = { [name]: value };
    const started = falProviders().image.start(picture(), falCall(vendor, { options }));
    await expect(started).rejects.toMatchObject({ code: 'internal', charged: 'no' });
    expect(vendor.submissions).toEqual([]);
  });

  it('without a request id leaves open what was charged', async () => {
    vendor.inject({ kind: 'status', status: 200, body: { status: 'IN_QUEUE' } });
    await expect(falProviders().image.start(picture(), falCall(vendor))).rejects.toMatchObject({
      code: 'invalid_response',
      charged: 'unknown',
    });
  });

  it('goes to the endpoint that replaced a retired one', async () => {
    const model = { ...requestedModel('fal/recraft-v3'), upstream: { endpoint: 'fal-ai/recraft-v3' } };
    await falProviders().image.start(testImageRequest({ model, prompt: 'a badge' }), falCall(vendor));
    expect(vendor.submissions[0]?.endpoint).toBe('fal-ai/recraft/v3/text-to-image');
  });
});

describe('a status', () => {
  it('passes from the queue to work to the result', async () => {
    const { image } = falProviders();
    const call = falCall(vendor);
    const operation = operationOf(await image.start({ ...picture(), n: 2 }, call));
    expect(await image.status?.(operation, call)).toEqual({ state: 'pending' });
    expect(await image.status?.(operation, call)).toEqual({ state: 'pending' });
    expect(await image.status?.(operation, call)).toEqual({
      state: 'succeeded',
      outputs: [0, 1].map((index) => ({
        media: { kind: 'url', url: `${vendor.origin}/files/picture-${index}.png` },
        revisedPrompt: 'a lighthouse',
      })),
      usage: { images: 2, megapixels: 2 },
      vendorRequestId: vendor.submissions[0]?.id,
    });
  });

  it('brings a video, and the seconds that fal bills', async () => {
    const { video } = falProviders();
    const status = await followed(video, operationOf(await video.start(clip(), falCall(vendor))), falCall(vendor));
    expect(status).toMatchObject({
      state: 'succeeded',
      outputs: [{ media: { kind: 'url', url: `${vendor.origin}/files/clip.mp4` }, seed: 7 }],
      usage: { seconds: 5 },
    });
  });

  it('keeps waiting under a word it does not know', async () => {
    const { image } = falProviders();
    const operation = operationOf(await image.start(picture('[new-word]'), falCall(vendor)));
    expect(await image.status?.(operation, falCall(vendor))).toEqual({ state: 'pending', unrecognizedStatus: 'WARMING_UP' });
  });

  it.each<readonly [string, object]>([
    ['SUCCEEDED', {}],
    ['completed', {}],
    ['BAKED', {}],
  ])('brings the result that is there under the word %s', async (word, fields) => {
    const { image } = falProviders();
    const operation = operationOf(await image.start(picture(), falCall(vendor)));
    await followed(image, operation, falCall(vendor));
    vendor.inject({ kind: 'status', status: 200, body: { status: word, ...fields } }, { path: /\/status$/ });
    expect(await image.status?.(operation, falCall(vendor))).toMatchObject({ state: 'succeeded' });
  });

  it.each<readonly [object, object]>([
    [{ status: 'CANCELLED' }, { state: 'cancelled', charged: 'no' }],
    [
      { status: 'CANCELLED', metrics: { inference_time: 3 } },
      { state: 'cancelled', charged: 'unknown' },
    ],
    [
      { status: 'FAILED', error: 'Generation timed out' },
      { state: 'failed', error: { code: 'timeout' } },
    ],
    [
      { status: 'error', error: 'flagged by moderation' },
      { state: 'failed', error: { code: 'content_rejected' } },
    ],
  ])('that fal does not document, %o, is what it says', async (body, status) => {
    const { image } = falProviders();
    const operation = operationOf(await image.start(picture(), falCall(vendor)));
    vendor.inject({ kind: 'status', status: 200, body }, { path: /\/status$/ });
    expect(await image.status?.(operation, falCall(vendor))).toMatchObject(status);
  });

  it('throws for an error under HTTP 200, with its words', async () => {
    const { image } = falProviders();
    vendor.inject({ kind: 'status', status: 200, body: { detail: 'Application not found' } }, { method: 'POST' });
    await expect(image.start(picture(), falCall(vendor))).rejects.toMatchObject({
      message: 'fal: Application not found',
      charged: 'unknown',
      vendorStatus: 200,
    });
    vendor.inject(
      { kind: 'status', status: 200, body: { detail: [{ loc: ['body', 'seed'], msg: 'bad', type: 'int_type' }] } },
      { method: 'POST' },
    );
    await expect(image.start(picture(), falCall(vendor))).rejects.toMatchObject({ code: 'invalid_request', charged: 'no', param: 'seed' });
    const operation = operationOf(await image.start(picture(), falCall(vendor)));
    vendor.inject({ kind: 'status', status: 200, body: { detail: 'Too many requests' } }, { path: /\/status$/ });
    await expect(image.status?.(operation, falCall(vendor))).rejects.toMatchObject({ code: 'rate_limited' });
  });

  it.each([
    ['a number', { request_id: 42 }, '42'],
    ['another name', { task_id: 't1' }, 't1'],
    ['an envelope', { data: { request_id: 'r1' } }, 'r1'],
  ])('is asked for a request whose id is %s', async (_what, body, id) => {
    vendor.inject({ kind: 'status', status: 200, body }, { method: 'POST' });
    const result = await falProviders().image.start(picture(), falCall(vendor));
    expect(result).toMatchObject({ state: 'started', vendorJobId: id, operation: { request_id: id } });
  });

  it('does not take a result that is still in progress for an end', async () => {
    const { image } = falProviders();
    const operation = operationOf(await image.start(picture(), falCall(vendor)));
    vendor.inject({ kind: 'status', status: 200, body: { status: 'COMPLETED' } }, { path: /\/status$/ });
    expect(await image.status?.(operation, falCall(vendor))).toEqual({ state: 'pending' });
  });

  it('throws when the question failed, and finds the operation as it was', async () => {
    const { image } = falProviders();
    const call = falCall(vendor);
    const operation = operationOf(await image.start(picture(), call));
    vendor.inject({ kind: 'status', status: 503 }, { path: /\/status$/ });
    await expect(image.status?.(operation, call)).rejects.toMatchObject({ code: 'unavailable' });
    vendor.inject({ kind: 'status', status: 401, body: { detail: 'No user found for Key ID and Secret' } }, { path: /\/requests\/[^/]+$/ });
    await expect(followed(image, operation, call)).rejects.toMatchObject({ code: 'authentication_failed' });
    expect(await followed(image, operation, call)).toMatchObject({ state: 'succeeded' });
  });

  it('of something that is no operation is refused', async () => {
    await expect(falProviders().image.status?.({ id: 'x' }, falCall(vendor))).rejects.toMatchObject({ code: 'internal' });
  });
});

describe('cancelling', () => {
  it('ends what waits in the queue', async () => {
    const { image } = falProviders();
    const call = falCall(vendor);
    const operation = operationOf(await image.start(picture(), call));
    expect(await image.cancel?.(operation, call)).toBe('cancelled');
    expect(call.requests.at(1)?.method).toBe('PUT');
    expect(await image.status?.(operation, call)).toEqual({ state: 'cancelled', charged: 'no' });
  });

  it('does not claim to have ended what already runs', async () => {
    await restarted({ queuedPolls: 0, runningPolls: 5 });
    const { image } = falProviders();
    const call = falCall(vendor);
    const operation = operationOf(await image.start(picture(), call));
    await image.status?.(operation, call);
    expect(await image.cancel?.(operation, call)).toBe('too_late');
  });

  it('comes too late for what is done or unknown', async () => {
    const { image } = falProviders();
    const call = falCall(vendor);
    const operation = operationOf(await image.start(picture(), call));
    await followed(image, operation, call);
    expect(await image.cancel?.(operation, call)).toBe('too_late');
    vendor.reset();
    expect(await image.cancel?.(operation, call)).toBe('too_late');
  });

  it('throws when it could not be asked for', async () => {
    const { image } = falProviders();
    const call = falCall(vendor);
    const operation = operationOf(await image.start(picture(), call));
    vendor.inject({ kind: 'status', status: 500 }, { method: 'PUT' });
    await expect(image.cancel?.(operation, call)).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('the check of the key', () => {
  it('asks the Platform API and costs nothing', async () => {
    await falProviders().check(falCall(vendor));
    expect(vendor.count('/v1/models/pricing')).toBe(1);
    expect(vendor.submissions).toEqual([]);
  });

  it('fails for a key that does not hold', async () => {
    const call = falCall(vendor, { secrets: { apiKey: 'wrong' } });
    await expect(falProviders().check(call)).rejects.toMatchObject({ code: 'authentication_failed', vendorStatus: 401 });
  });
});
