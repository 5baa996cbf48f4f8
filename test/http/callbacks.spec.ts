import { request as httpRequest } from 'node:http';
import type { FalSimulator } from 'litegen-provider-fal/simulator';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client, failureOf } from '../support/client.js';
import { PRICE_USD, type PricedVendors, startPricedVendors } from './priced-vendors.js';

describe('a vendor that calls back', () => {
  let vendors: PricedVendors;
  let fal: FalSimulator;
  let client: Client;
  let spent: PricedVendors['spent'];

  beforeAll(async () => {
    vendors = await startPricedVendors();
    ({ fal, client, spent } = vendors);
  });
  beforeEach(() => vendors.reset());
  afterAll(() => vendors?.close());

  /** A running generation, and how to reach it as the vendor does. */
  async function running(model: string) {
    const answer = await client.image({ model, prompt: 'a boat' }, { headers: { prefer: 'respond-async' } });
    expect(answer.status, answer.text).toBe(202);
    const { id } = answer.json<{ id: string }>();
    await expect.poll(() => fal.submissions.length).toBe(1);
    const [submission] = fal.submissions;
    const address = new URL(submission?.webhookUrl ?? '');
    await expect.poll(async () => (await client.generation(id)).attempts[0]?.state).toMatch(/^(accepted|succeeded)$/);
    const call = (delivery: { headers: Readonly<Record<string, string>>; body: Uint8Array }) =>
      fetch(new URL(address.pathname, vendors.url), { method: 'POST', headers: delivery.headers, body: new Uint8Array(delivery.body) });
    return { id, requestId: submission?.id ?? '', call };
  }

  // First of all, before any key is known and kept.
  it('is asked to come back when its keys cannot be had', async () => {
    const { id, requestId, call } = await running('fal/called-back');
    fal.inject({ kind: 'status', status: 503 }, { path: '/.well-known/jwks.json' });
    const genuine = fal.delivery(requestId);
    const early = await answerOf(call(genuine));
    expect(failureOf(early)).toMatchObject({ status: 409, code: 'not_ready' });
    expect(early.headers.get('retry-after')).toBe('5');
    expect((await client.generation(id)).status).toBe('processing');
    expect((await call(genuine)).status).toBe(200);
    expect((await client.ended(id)).status).toBe('completed');
  });

  it('is told where to: the gateway’s public address, with a token that nobody can guess', async () => {
    await running('fal/called-back');
    expect(fal.submissions[0]?.webhookUrl).toMatch(/^http:\/\/127\.0\.0\.1:9\/v1\/callbacks\/[0-9a-f-]{32,}$/);
  });

  it('is believed at once, and only once', async () => {
    const { id, requestId, call } = await running('fal/called-back');
    const before = await spent();
    expect((await call(fal.delivery(requestId))).status).toBe(200);
    const generation = await client.ended(id);
    expect(generation).toMatchObject({ status: 'completed', cost_usd: PRICE_USD, attempts: [{ state: 'succeeded' }] });
    expect(fal.count(/\/status$/)).toBe(0);
    expect((await call(fal.delivery(requestId))).status).toBe(200);
    expect(await client.generation(id)).toEqual({ ...generation, outputs: expect.anything(), result_url: expect.anything() });
    expect((await spent()).tokens_used - before.tokens_used).toBeCloseTo(PRICE_USD, 6);
  });

  it('is not believed without its signature', async () => {
    const { id, requestId, call } = await running('fal/called-back');
    const genuine = fal.delivery(requestId);
    const body = Buffer.from(genuine.body).toString().replace('"OK"', '"ERROR"');
    expect(failureOf(await answerOf(call({ ...genuine, body: Buffer.from(body) })))).toMatchObject({ status: 403, code: 'forbidden' });
    expect((await call({ ...genuine, headers: { 'content-type': 'application/json' } })).status).toBe(403);
    expect((await call(fal.signed({ request_id: 'of-another', status: 'OK', payload: {} }))).status).toBe(403);
    expect((await call(fal.delivery(requestId, new Date(Date.now() - 3_600_000)))).status).toBe(403);
    expect((await client.generation(id)).status).toBe('processing');
    expect(fal.count(/\/status$/)).toBe(0);
    expect((await call(genuine)).status).toBe(200);
    expect((await client.ended(id)).status).toBe('completed');
  });

  it('comes too late when a poll was first', async () => {
    const { id, requestId, call } = await running('fal/called-back-and-watched');
    const generation = await client.ended(id);
    expect(generation.status).toBe('completed');
    expect(fal.count(/\/status$/)).toBeGreaterThan(0);
    expect((await call(fal.delivery(requestId))).status).toBe(200);
    expect((await client.generation(id)).attempts).toEqual(generation.attempts);
  });

  it('is short: a body of more than a mebibyte is not taken, and the next poll tells as much', async () => {
    const { id, requestId, call } = await running('fal/called-back');
    const genuine = fal.delivery(requestId);
    const answer = await answerOf(call({ ...genuine, body: Buffer.alloc(1_048_577, ' ') }));
    expect(failureOf(answer)).toMatchObject({ status: 413, code: 'body_too_large' });
    expect((await call(genuine)).status).toBe(200);
    expect((await client.ended(id)).status).toBe('completed');
    // Nothing of what comes too late is read: the body that is announced here never comes.
    const { status } = await new Promise<{ status: number | undefined }>((resolve, reject) => {
      const url = new URL(new URL(fal.submissions[0]?.webhookUrl ?? '').pathname, vendors.url);
      const late = httpRequest(url, { method: 'POST', headers: { ...genuine.headers, 'content-length': '1000' } }, (response) => {
        resolve({ status: response.statusCode });
        late.destroy();
      });
      late.on('error', reject);
      late.flushHeaders();
    });
    expect(status).toBe(200);
  });

  it('finds nobody at an address that was never given out', async () => {
    const answer = await new Client(vendors.url).send(`/v1/callbacks/${'0'.repeat(64)}`, { body: {} });
    expect(failureOf(answer)).toMatchObject({ status: 404, code: 'not_found' });
  });
});

async function answerOf(pending: Promise<Response>) {
  const response = await pending;
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: <T>() => JSON.parse(text) as T };
}
