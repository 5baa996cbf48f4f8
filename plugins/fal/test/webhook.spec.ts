import { generateKeyPairSync } from 'node:crypto';
import type { Json, RawDelivery } from '@litegen/plugin-sdk';
import { startHttpSimulator, testImageRequest } from '@litegen/plugin-sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FalSimulator, startFalSimulator } from '../simulator/index.js';
import { type FalProviders, falCall, falProviders } from './fal-call.js';
import { requestedModel } from './shipped-models.js';

const KEYS_PATH = '/.well-known/jwks.json';
const NOW = new Date('2026-11-20T12:00:00Z');

let vendor: FalSimulator;
let providers: FalProviders;
beforeEach(async () => {
  vendor = await startFalSimulator({ callBack: false });
  providers = falProviders();
});
afterEach(() => vendor.close());

const call = (now = NOW) => falCall(vendor, { now: () => now });

async function submitted(prompt = 'a lighthouse'): Promise<{ operation: Json; id: string }> {
  const result = await providers.image.start(testImageRequest({ model: requestedModel('fal/flux-2'), prompt }), call());
  const id = vendor.submissions.at(-1)?.id;
  if (result.state !== 'started' || id === undefined) throw new Error('not queued');
  return { operation: result.operation, id };
}

const parse = (delivery: RawDelivery, operation: Json, now = NOW) => providers.image.parseWebhook?.(delivery, operation, call(now));
const withHeaders = (delivery: RawDelivery, headers: Record<string, string>): RawDelivery => ({
  ...delivery,
  headers: { ...delivery.headers, ...headers },
});

describe('a callback', () => {
  it('brings the result, however often it is delivered', async () => {
    const { operation, id } = await submitted();
    const delivery = vendor.delivery(id, NOW);
    const first = await parse(delivery, operation);
    expect(first).toMatchObject({ status: { state: 'succeeded', outputs: [{ media: { url: `${vendor.origin}/files/picture-0.png` } }] } });
    expect(await parse(delivery, operation)).toEqual(first);
  });

  it.each([
    ['[policy]', { state: 'failed', error: { code: 'content_rejected', vendorCode: 'content_policy_violation' } }],
    ['[bad-size]', { state: 'failed', error: { code: 'invalid_request', param: 'size', charged: 'no' } }],
    ['[runner]', { state: 'failed', error: { code: 'unavailable', charged: 'no' } }],
    ['[nsfw]', { state: 'failed', error: { code: 'content_rejected', charged: 'yes' } }],
  ])('tells of the failure %s', async (prompt, status) => {
    const { operation, id } = await submitted(prompt);
    expect(await parse(vendor.delivery(id, NOW), operation)).toMatchObject({ status });
  });

  it('has its status from the text where the body says nothing', async () => {
    const { operation, id } = await submitted();
    const delivery = vendor.signed({ request_id: id, status: 'ERROR', error: 'Invalid status code: 504', payload: null }, NOW);
    expect(await parse(delivery, operation)).toMatchObject({ status: { state: 'failed', error: { code: 'timeout', charged: 'no' } } });
  });

  it('sends to the queue when it came without its payload', async () => {
    const { operation, id } = await submitted();
    const delivery = vendor.signed({ request_id: id, status: 'OK', payload: null, payload_error: 'too large' }, NOW);
    expect(await parse(delivery, operation)).toEqual({ status: { state: 'pending' } });
    expect(vendor.count(/\/status$/)).toBe(1);
  });

  it('comes to the address that the submission named', async () => {
    await vendor.close();
    vendor = await startFalSimulator({ queuedPolls: 0, runningPolls: 0 });
    const gateway = await startHttpSimulator(() => ({ status: 204 }));
    const context = falCall(vendor, { webhookUrl: `${gateway.origin}/call-back?attempt=1` });
    const started = await providers.image.start(testImageRequest({ model: requestedModel('fal/flux-2') }), context);
    if (started.state !== 'started') throw new Error('not queued');
    await providers.image.status?.(started.operation, context);
    await vendor.settled();
    const [received] = gateway.requests;
    await gateway.close();
    expect(received).toMatchObject({ method: 'POST', path: '/call-back', query: { attempt: '1' } });
    const { headers = {}, query = {}, body = Buffer.alloc(0) } = received ?? {};
    const read = await providers.image.parseWebhook?.({ method: 'POST', headers, query, body }, started.operation, context);
    expect(read).toMatchObject({ status: { state: 'succeeded' } });
  });

  it.each([-300, 300])('may be %d seconds off', async (seconds) => {
    const { operation, id } = await submitted();
    expect(await parse(vendor.delivery(id, new Date(NOW.getTime() + seconds * 1000)), operation)).not.toBeNull();
  });
});

describe('a callback is refused', () => {
  it.each([-301, 301])('when it is %d seconds off', async (seconds) => {
    const { operation, id } = await submitted();
    expect(await parse(vendor.delivery(id, new Date(NOW.getTime() + seconds * 1000)), operation)).toBeNull();
  });

  it('when its body was changed', async () => {
    const { operation, id } = await submitted();
    const delivery = vendor.delivery(id, NOW);
    const text = Buffer.from(delivery.body).toString('utf8').replace('picture-0', 'picture-9');
    expect(await parse({ ...delivery, body: Buffer.from(text) }, operation)).toBeNull();
  });

  it.each(['request-id', 'user-id', 'timestamp', 'signature'])('without its %s', async (name) => {
    const { operation, id } = await submitted();
    const delivery = vendor.delivery(id, NOW);
    const { [`x-fal-webhook-${name}`]: _, ...headers } = delivery.headers;
    expect(await parse({ ...delivery, headers }, operation)).toBeNull();
    expect(vendor.count(KEYS_PATH)).toBe(0);
  });

  it.each([
    ['request-id', 'another'],
    ['user-id', 'another'],
    ['timestamp', String(NOW.getTime() / 1000 + 1)],
    ['signature', '0'.repeat(128)],
    ['signature', 'not hex'],
  ])('with another %s (%s)', async (name, value) => {
    const { operation, id } = await submitted();
    expect(await parse(withHeaders(vendor.delivery(id, NOW), { [`x-fal-webhook-${name}`]: value }), operation)).toBeNull();
  });

  it('when it is for another request', async () => {
    const { operation } = await submitted();
    const { id } = await submitted();
    expect(await parse(vendor.delivery(id, NOW), operation)).toBeNull();
  });

  it('when it is signed with a key that fal does not publish', async () => {
    const { operation, id } = await submitted();
    const other = await startFalSimulator();
    const forged = other.signed({ request_id: id, status: 'OK', payload: { images: [{ url: 'https://evil.example/x.png' }] } }, NOW);
    await other.close();
    expect(await parse(forged, operation)).toBeNull();
  });
});

describe("fal's keys", () => {
  it('are fetched once for many deliveries, genuine or not', async () => {
    const { operation, id } = await submitted();
    for (let delivered = 0; delivered < 3; delivered += 1) await parse(vendor.delivery(id, NOW), operation);
    for (let forged = 0; forged < 3; forged += 1) {
      await parse(withHeaders(vendor.delivery(id, NOW), { 'x-fal-webhook-signature': '0'.repeat(128) }), operation);
    }
    expect(vendor.count(KEYS_PATH)).toBe(1);
  });

  it('are fetched again after an hour', async () => {
    const { operation, id } = await submitted();
    const later = new Date(NOW.getTime() + 60 * 60 * 1000);
    await parse(vendor.delivery(id, NOW), operation);
    await parse(vendor.delivery(id, later), operation, later);
    expect(vendor.count(KEYS_PATH)).toBe(2);
  });

  it('are fetched again for a signature that the known ones do not verify, so that a new key is soon believed', async () => {
    const { operation, id } = await submitted();
    const old = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
    vendor.inject(
      { kind: 'status', status: 200, body: { keys: [old, { kty: 'OKP', crv: 'Ed25519', x: 'broken' }, { kty: 'RSA' }] } },
      { path: KEYS_PATH },
    );
    expect(await parse(vendor.delivery(id, NOW), operation)).toBeNull();
    const soon = new Date(NOW.getTime() + 61_000);
    expect(await parse(vendor.delivery(id, soon), operation, soon)).toMatchObject({ status: { state: 'succeeded' } });
  });

  it('that cannot be had leave the delivery open', async () => {
    const { operation, id } = await submitted();
    vendor.inject({ kind: 'status', status: 503 }, { path: KEYS_PATH });
    await expect(parse(vendor.delivery(id, NOW), operation)).rejects.toMatchObject({ code: 'unavailable' });
    expect(await parse(vendor.delivery(id, NOW), operation)).not.toBeNull();
  });
});
