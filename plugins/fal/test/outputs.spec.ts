import { createTestCall, testImageRequest } from '@litegen/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import { appOf, type FalOperation } from '../src/operation.js';
import { type MediaKind, readResult } from '../src/outputs.js';
import { falProviders } from './fal-call.js';
import { requestedModel } from './shipped-models.js';

const operation: FalOperation = {
  request_id: 'r-1',
  endpoint: 'fal-ai/flux/dev',
  status_url: 'https://queue.fal.run/fal-ai/flux/requests/r-1/status',
  response_url: 'https://queue.fal.run/fal-ai/flux/requests/r-1',
  cancel_url: 'https://queue.fal.run/fal-ai/flux/requests/r-1/cancel',
  billable_unit: 'seconds',
};

function mediaOf(kind: MediaKind, body: unknown): unknown {
  const status = readResult(kind, body, operation, {}, createTestCall());
  return status.state === 'succeeded' ? status.outputs.map(({ media }) => media) : status;
}

const link = (name: string) => ({ kind: 'url', url: `https://v3.fal.media/files/${name}` });
const file = (name: string) => ({ url: `https://v3.fal.media/files/${name}`, content_type: 'x/y' });

describe('a result', () => {
  it.each([
    ['image', { images: [file('1.png'), file('2.png')] }, [link('1.png'), link('2.png')]],
    ['image', { image: file('1.png') }, [link('1.png')]],
    ['image', { images: ['https://v3.fal.media/files/1.png'] }, [link('1.png')]],
    ['video', { video: file('1.mp4') }, [link('1.mp4')]],
    ['video', { videos: [file('1.mp4')] }, [link('1.mp4')]],
    ['video', { video_url: 'https://v3.fal.media/files/1.mp4' }, [link('1.mp4')]],
    ['video', { output: file('1.mp4') }, [link('1.mp4')]],
    ['video', { video: file('1.mp4'), thumbnail: file('t.png'), videos: [file('2.mp4')] }, [link('1.mp4')]],
    ['image', { images: [{ url: 'data:image/png;base64,aGk=' }] }, [{ kind: 'bytes', data: new Uint8Array([104, 105]) }]],
  ] as const)('of kind %s is found in %j', (kind, body, media) => {
    expect(mediaOf(kind, body)).toEqual(media);
  });

  it.each([
    ['image', {}],
    ['image', { images: [] }],
    ['image', { images: [{ url: 'file:///etc/passwd' }] }],
    ['image', { images: [{ url: '/relative' }] }],
    ['video', { video: null }],
    ['video', 'text'],
  ] as const)('of kind %s is not found in %j', (kind, body) => {
    expect(mediaOf(kind, body)).toMatchObject({ state: 'failed', error: { code: 'invalid_response', charged: 'unknown' } });
  });

  it('tells the prompt that was really used', () => {
    const body = { video: file('1.mp4'), prompt: 'waves', actual_prompt: 'tall waves at dusk' };
    expect(readResult('video', body, operation, {}, createTestCall())).toMatchObject({
      outputs: [{ revisedPrompt: 'tall waves at dusk' }],
    });
  });

  it.each([
    ['5.5', { images: 1, seconds: 5.5 }],
    ['', { images: 1 }],
    ['many', { images: 1 }],
    ['-1', { images: 1 }],
  ])('counts %j billable units as %j', (units, usage) => {
    const status = readResult('video', { video: file('1.mp4') }, operation, { 'x-fal-billable-units': units }, createTestCall());
    expect(status).toMatchObject({ state: 'succeeded', usage });
    expect(status.state === 'succeeded' && Object.keys(status.usage ?? {})).toEqual(Object.keys(usage));
  });
});

describe('a result that is partly good', () => {
  const read = (body: unknown) => readResult('image', body, operation, {}, createTestCall());

  it.each<readonly [string, unknown, string]>([
    ['null', null, 'invalid_response'],
    ['an entry without a link', { url: '' }, 'invalid_response'],
    ['an error', { error: { code: 'content_policy_violation', message: 'not this' } }, 'content_rejected'],
  ])('keeps what is good beside %s', (_what, bad, code) => {
    expect(read({ images: [file('1.png'), bad, file('2.png')] })).toMatchObject({
      state: 'succeeded',
      outputs: [{ media: link('1.png') }, { media: link('2.png') }],
      withheld: [{ count: 1, code }],
      usage: { images: 2 },
    });
  });

  it('matches flags with the pictures that they are about', () => {
    const flagged = { images: [null, file('2.png'), file('3.png')], has_nsfw_concepts: [false, true, false] };
    expect(read(flagged)).toMatchObject({
      outputs: [{ media: link('3.png') }],
      withheld: [{ code: 'invalid_response' }, { code: 'content_rejected', charged: 'yes' }],
      usage: { images: 2 },
    });
  });

  it.each<readonly [string, object, object]>([
    ['an error', { error: 'Generation timed out' }, { code: 'timeout', charged: 'unknown', message: 'fal: Generation timed out' }],
    ['a detail', { detail: [{ loc: ['body', 'prompt'], msg: 'no', type: 'content_policy_violation' }] }, { code: 'content_rejected' }],
    [
      'an error in an entry',
      { images: [{ error: 'flagged by moderation' }] },
      { code: 'content_rejected', message: 'flagged by moderation' },
    ],
  ])('fails with the words of %s where there is no picture', (_what, body, error) => {
    expect(read(body)).toMatchObject({ state: 'failed', error });
  });
});

describe('fal’s addresses', () => {
  it.each([
    ['fal-ai/flux/dev', 'fal-ai/flux'],
    ['fal-ai/veo3.1', 'fal-ai/veo3.1'],
    ['wan/v2.6/text-to-video', 'wan/v2.6'],
    ['workflows/acme/poster/v2', 'workflows/acme/poster'],
    ['comfy/acme/poster', 'comfy/acme/poster'],
  ])('of requests to %s begin with %s', (endpoint, app) => {
    expect(appOf(endpoint)).toBe(app);
  });

  it('are its public ones unless the operator says otherwise', async () => {
    const call = createTestCall({ secrets: { apiKey: 'k' } });
    const { image, check } = falProviders();
    const body = JSON.stringify({ request_id: 'r-1', status: 'OK', payload: {} });
    const signed = {
      'request-id': 'r-1',
      'user-id': 'u',
      timestamp: String(Math.floor(call.now().getTime() / 1000)),
      signature: '0'.repeat(128),
    };
    const headers = Object.fromEntries(Object.entries(signed).map(([name, value]) => [`x-fal-webhook-${name}`, value]));
    await expect(image.start(testImageRequest({ model: requestedModel('fal/flux-dev') }), call)).rejects.toThrow();
    await expect(image.status?.(operation, call)).rejects.toThrow();
    await expect(image.parseWebhook?.({ method: 'POST', query: {}, headers, body: Buffer.from(body) }, operation, call)).rejects.toThrow();
    await expect(check(call)).rejects.toThrow();
    expect(call.refused.map(({ url }) => url)).toEqual([
      'https://queue.fal.run/fal-ai/flux/dev',
      'https://queue.fal.run/fal-ai/flux/requests/r-1/status',
      'https://rest.fal.ai/.well-known/jwks.json',
      'https://api.fal.ai/v1/models/pricing?endpoint_id=fal-ai%2Fflux%2Fdev',
    ]);
  });
});
