import { ProviderError } from '@litegen/plugin-sdk';
import { testImageRequest } from '@litegen/plugin-sdk/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAL_TEST_KEY, type FalSimulator, startFalSimulator } from '../simulator/index.js';
import { FAILURE_TYPES } from '../src/failure-table.js';
import { meaningOf, readFailure } from '../src/failures.js';
import { falCall, falProviders, followed } from './fal-call.js';
import { requestedModel } from './shipped-models.js';

let vendor: FalSimulator;
beforeAll(async () => {
  vendor = await startFalSimulator({ queuedPolls: 0, runningPolls: 0 });
});
afterAll(() => vendor.close());

const { image } = falProviders();
const request = (prompt: string) => testImageRequest({ model: requestedModel('fal/flux-2'), prompt });

async function ended(prompt: string, n = 1) {
  const call = falCall(vendor);
  const started = await image.start({ ...request(prompt), n }, call);
  if (started.state !== 'started') throw new Error('not queued');
  return { status: await followed(image, started.operation, call), call };
}

describe('a request that fal could not fulfil', () => {
  it.each([
    ['[policy]', { code: 'content_rejected', charged: 'unknown', vendorCode: 'content_policy_violation', param: 'prompt' }],
    ['[no-media]', { code: 'content_rejected', charged: 'unknown', vendorCode: 'no_media_generated' }],
    ['[small-image]', { code: 'invalid_request', charged: 'no', vendorCode: 'image_too_small', param: 'reference_images' }],
    ['[bad-size]', { code: 'invalid_request', charged: 'no', vendorCode: 'multiple_of', param: 'size' }],
    ['[timeout]', { code: 'timeout', charged: 'no', vendorCode: 'request_timeout', message: 'fal: Request timed out' }],
    ['[runner]', { code: 'unavailable', charged: 'no', vendorCode: 'runner_disconnected' }],
    ['[final]', { code: 'internal', charged: 'no', vendorCode: 'internal_error' }],
    ['[old-text]', { code: 'content_rejected', charged: 'unknown' }],
    ['[old-message]', { code: 'invalid_request', charged: 'no', message: 'fal: bad prompt' }],
    ['[old-error]', { code: 'unavailable', charged: 'no', vendorCode: 'oops', message: 'fal: something broke' }],
    ['[status-error]', { code: 'timeout', charged: 'no', vendorCode: 'generation_timeout', message: 'fal: Generation took too long' }],
    ['[lost-status-error]', { code: 'unavailable', charged: 'no', vendorCode: 'runner_server_error', message: 'fal: Runner crashed' }],
    ['[empty]', { code: 'invalid_response', charged: 'unknown' }],
    ['[nsfw]', { code: 'content_rejected', charged: 'yes', vendorCode: 'has_nsfw_concepts' }],
  ])('%s', async (prompt, error) => {
    expect((await ended(prompt)).status).toMatchObject({ state: 'failed', error });
  });

  it('keeps the pictures that were not flagged, and says so', async () => {
    const { status } = await ended('[some-nsfw]', 3);
    expect(status).toMatchObject({ state: 'succeeded', usage: { images: 3 } });
    if (status.state === 'succeeded') {
      expect(status.outputs.map(({ media }) => media)).toEqual(
        [1, 2].map((index) => ({ kind: 'url', url: `${vendor.origin}/files/picture-${index}.png` })),
      );
    }
    expect(status).toMatchObject({
      withheld: [{ count: 1, code: 'content_rejected', charged: 'yes', message: expect.stringContaining('not safe') }],
    });
  });

  it('is not yet ended by a result that got lost on the way', async () => {
    await expect(ended('[lost-result]')).rejects.toMatchObject({ code: 'unavailable', vendorStatus: 502 });
    await expect(ended('[busy-result]')).rejects.toMatchObject({ code: 'unavailable', vendorStatus: 503 });
  });
});

describe('a submission that fal refused', () => {
  it.each([
    ['[balance]', { code: 'quota_exhausted', charged: 'no', vendorStatus: 403 }],
    ['[forbidden]', { code: 'permission_denied', charged: 'no', vendorStatus: 403 }],
    ['[rate]', { code: 'rate_limited', charged: 'no', vendorStatus: 429, retryAfterMs: 7000 }],
  ])('%s', async (prompt, error) => {
    await expect(image.start(request(prompt), falCall(vendor))).rejects.toMatchObject(error);
  });

  it('names the option that fal does not know', async () => {
    const asked = { ...request('a'), extra: { made_up: 1 } };
    await expect(image.start(asked, falCall(vendor))).rejects.toMatchObject({
      code: 'invalid_request',
      charged: 'no',
      param: 'extra.made_up',
      vendorCode: 'extra_forbidden',
    });
  });

  it('is unsupported where the endpoint is gone', async () => {
    const model = { ...requestedModel('fal/flux-2'), upstream: { endpoint: 'fal-ai/no-such-app' } };
    await expect(image.start(testImageRequest({ model }), falCall(vendor))).rejects.toMatchObject({
      code: 'unsupported',
      vendorStatus: 404,
    });
  });

  it('may have been accepted when something in between gave up', async () => {
    vendor.inject({ kind: 'status', status: 504, body: '<html>gateway timeout</html>' });
    await expect(image.start(request('a'), falCall(vendor))).rejects.toMatchObject({ code: 'timeout', charged: 'unknown' });
    vendor.inject({ kind: 'status', status: 504, body: { detail: 'Request timed out', error_type: 'request_timeout' } });
    await expect(image.start(request('a'), falCall(vendor))).rejects.toMatchObject({ code: 'timeout', charged: 'no' });
  });

  it('shows no key that the vendor echoed', async () => {
    vendor.inject({ kind: 'status', status: 400, body: { detail: `bad header Key ${FAL_TEST_KEY}` } });
    const error: unknown = await image.start(request('a'), falCall(vendor)).catch((caught: unknown) => caught);
    expect(ProviderError.is(error) && error.message).toBe('fal: bad header Key [redacted]');
  });

  it('reads a Retry-After that is a date', async () => {
    const now = new Date('2026-11-20T12:00:00Z');
    vendor.inject({ kind: 'status', status: 429, headers: { 'retry-after': 'Fri, 20 Nov 2026 12:00:30 GMT' } });
    await expect(image.start(request('a'), falCall(vendor, { now: () => now }))).rejects.toMatchObject({ retryAfterMs: 30_000 });
  });
});

describe('the table of failures', () => {
  it.each(Object.entries(FAILURE_TYPES))('is asked for %s in each of the places where fal names a type', (type, meaning) => {
    const detail = readFailure({ status: 422, body: { detail: [{ loc: ['body'], msg: 'text', type }] } });
    const body = readFailure({ status: 503, body: { detail: 'text', error_type: type } });
    const header = readFailure({ status: 503, headers: { 'x-fal-error-type': type }, body: { detail: 'text' } });
    const platform = readFailure({ status: 400, body: { error: { type, message: 'text' } } });
    for (const failure of [detail, body, header, platform]) expect(meaningOf(failure)).toEqual(meaning);
  });

  it('counts a failure that fal did not name as possibly billed', () => {
    expect(meaningOf(readFailure({ status: 0, body: { error: 'odd' } }))).toEqual({ code: 'unavailable', charged: 'unknown' });
    expect(meaningOf(readFailure({ status: 418, body: {} }))).toEqual({ code: 'invalid_request', charged: 'unknown' });
  });

  it('does not take the name of an option for a moderator’s word', () => {
    const body = {
      detail: [{ loc: ['body', 'safety_tolerance'], msg: 'safety_tolerance should be one of 1 to 6', type: 'literal_error' }],
    };
    expect(meaningOf(readFailure({ status: 422, body }))).toMatchObject({ code: 'invalid_request' });
  });
});
