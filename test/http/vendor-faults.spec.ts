import type { SimulatorFault } from '@litegen/plugin-sdk/testing';
import type { FalSimulator } from 'litegen-provider-fal/simulator';
import { COMPATIBLE_PROMPTS, type CompatibleSimulator } from 'litegen-provider-openai-compatible/simulator';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Client, failureOf, type GenerationView } from '../support/client.js';
import { PRICE_USD, type PricedVendors, startPricedVendors } from './priced-vendors.js';

const SUBMIT = /^\/v1\/(images\/|videos$)/;

describe('a vendor that fails', () => {
  let vendors: PricedVendors;
  let compatible: CompatibleSimulator;
  let fal: FalSimulator;
  let client: Client;
  let spent: PricedVendors['spent'];

  beforeAll(async () => {
    vendors = await startPricedVendors();
    ({ compatible, fal, client, spent } = vendors);
  });
  beforeEach(() => vendors.reset());
  afterAll(() => vendors?.close());

  interface Outcome {
    readonly status: number;
    readonly code: string;
    readonly shouldRetry: boolean;
    /** Requests that reached the vendor. */
    readonly calls: number;
    readonly charged: 'no' | 'yes' | 'unknown';
  }

  const outcome = (status: number, code: string, charged: Outcome['charged'], calls = 1, shouldRetry = false): Outcome => ({
    status,
    code,
    charged,
    calls,
    shouldRetry,
  });

  async function expectFailure(expected: Outcome, fields: object): Promise<GenerationView> {
    const before = await spent();
    const answer = await client.image({ model: 'openai-compatible/priced', ...fields });
    const failure = failureOf(answer);
    expect(failure).toMatchObject({ status: expected.status, code: expected.code });
    expect(answer.headers.get('x-should-retry')).toBe(String(expected.shouldRetry));
    expect(compatible.count(SUBMIT)).toBe(expected.calls);
    const generation = await client.generation(failure.generation_id ?? '');
    expect(generation).toMatchObject({ status: 'failed', error: { code: expected.code, charged: expected.charged } });
    const after = await spent();
    const held = expected.charged === 'unknown' ? PRICE_USD : 0;
    expect(after.tokens_held - before.tokens_held).toBeCloseTo(held, 6);
    expect(after.tokens_used - before.tokens_used).toBeCloseTo(expected.charged === 'yes' ? PRICE_USD : 0, 6);
    expect(generation.hold).toEqual({ amount_usd: PRICE_USD, state: expected.charged === 'unknown' ? 'held' : 'released' });
    return generation;
  }

  describe('once its answer is lost', () => {
    it.each<readonly [string, SimulatorFault]>([
      ['the connection breaks after it took the request', { kind: 'drop' }],
      ['the connection breaks before it said anything', { kind: 'refuse' }],
      ['its answer breaks off', { kind: 'truncate' }],
      ['its answer is no JSON', { kind: 'garbage' }],
      ['a proxy lost it (502)', { kind: 'status', status: 502 }],
      ['a proxy gave up (504)', { kind: 'status', status: 504 }],
    ])('is not asked again, and the money stays held: %s', async (_name, fault) => {
      compatible.inject(fault, { path: SUBMIT });
      const generation = await expectFailure(outcome(502, 'outcome_unknown', 'unknown'), { prompt: 'a boat' });
      expect(generation.attempts).toMatchObject([{ state: 'unknown', charged: 'unknown' }]);
    });

    it('is not asked again when it is too slow', async () => {
      compatible.inject({ kind: 'latency', ms: 3_000 }, { path: SUBMIT });
      await expectFailure(outcome(502, 'outcome_unknown', 'unknown'), { model: 'openai-compatible/impatient', prompt: 'a boat' });
    });

    it('is not asked again for a video either', async () => {
      compatible.inject({ kind: 'drop' }, { path: SUBMIT });
      const failure = failureOf(await client.video({ model: 'openai-compatible/film', prompt: 'a boat' }));
      expect(failure).toMatchObject({ status: 502, code: 'outcome_unknown' });
      expect(compatible.count(SUBMIT)).toBe(1);
    });
  });

  describe('when it refuses', () => {
    it.each<readonly [string, object, Outcome]>([
      ['for moderation', { prompt: COMPATIBLE_PROMPTS.blocked }, outcome(400, 'moderation_blocked', 'no')],
      ['for want of memory', { prompt: COMPATIBLE_PROMPTS.outOfMemory }, outcome(400, 'provider_invalid_request', 'no')],
    ])('says so: %s', async (_name, fields, expected) => {
      const made = compatible.imagesMade();
      await expectFailure(expected, fields);
      expect(compatible.imagesMade()).toBe(made);
    });

    it.each([
      [400, outcome(400, 'provider_invalid_request', 'no')],
      [401, outcome(502, 'provider_authentication_failed', 'no')],
      [402, outcome(502, 'provider_quota_exhausted', 'no')],
      [403, outcome(502, 'provider_permission_denied', 'no')],
      [404, outcome(400, 'provider_invalid_request', 'no')],
      [422, outcome(400, 'provider_invalid_request', 'no')],
    ] as const)('says so: HTTP %i', async (status, expected) => {
      compatible.inject({ kind: 'status', status }, { path: SUBMIT });
      await expectFailure(expected, { prompt: 'a boat' });
    });

    it('is asked again when it is busy, after the time that it named, and bills once', async () => {
      compatible.inject({ kind: 'status', status: 429, headers: { 'retry-after': '1' } }, { path: SUBMIT });
      const before = await spent();
      const startedAt = Date.now();
      const answer = await client.image({ model: 'openai-compatible/priced', prompt: 'a boat' });
      expect(answer.status, answer.text).toBe(200);
      expect(Date.now() - startedAt).toBeGreaterThanOrEqual(1_000);
      expect(compatible.count(SUBMIT)).toBe(2);
      const { attempts, cost_usd: cost, hold } = await client.latest().then(({ id }) => client.generation(id));
      expect(attempts).toMatchObject([
        { ordinal: 1, state: 'rejected', charged: 'no' },
        { ordinal: 2, state: 'succeeded', charged: 'yes' },
      ]);
      expect({ cost, hold }).toEqual({ cost: PRICE_USD, hold: { amount_usd: PRICE_USD, state: 'settled' } });
      const after = await spent();
      expect(after.tokens_used - before.tokens_used).toBeCloseTo(PRICE_USD, 6);
      expect(after.tokens_held).toBeCloseTo(before.tokens_held, 6);
    });

    it('is given up when it stays busy, and the caller may come back', async () => {
      compatible.inject(
        { kind: 'status', status: 429, headers: { 'retry-after': '1' } },
        { path: SUBMIT, times: Number.POSITIVE_INFINITY },
      );
      const answer = await client.image({ model: 'openai-compatible/priced', prompt: 'a boat' });
      expect(failureOf(answer)).toMatchObject({ status: 429, code: 'provider_rate_limited' });
      expect(answer.headers.get('x-should-retry')).toBe('true');
      expect(answer.headers.get('retry-after')).toBe('1');
      expect(compatible.count(SUBMIT)).toBe(3);
    });

    it('is asked three times when it is down', async () => {
      compatible.inject({ kind: 'status', status: 500 }, { path: SUBMIT, times: Number.POSITIVE_INFINITY });
      await expectFailure(outcome(503, 'provider_unavailable', 'no', 3, true), { prompt: 'a boat' });
    });

    it('is forgiven a failure that it recovers from', async () => {
      compatible.inject({ kind: 'status', status: 503 }, { path: SUBMIT });
      const answer = await client.image({ model: 'openai-compatible/priced', prompt: 'a boat' });
      expect(answer.status, answer.text).toBe(200);
      expect(compatible.count(SUBMIT)).toBe(2);
    });
  });

  describe('while it works on a job', () => {
    it.each<readonly [string, SimulatorFault]>([
      ['500', { kind: 'status', status: 500 }],
      ['a broken connection', { kind: 'drop' }],
      ['no JSON', { kind: 'garbage' }],
    ])('is asked on when a question fails: %s', async (_name, fault) => {
      compatible.inject(fault, { path: /^\/v1\/videos\/[^/]+$/, times: 2 });
      const answer = await client.video({ model: 'openai-compatible/film', prompt: 'a boat' });
      expect(answer.status, answer.text).toBe(200);
      const generation = await client.ended(answer.json<{ id: string }>().id);
      expect(generation).toMatchObject({ status: 'completed', cost_usd: PRICE_USD });
      expect(compatible.count(SUBMIT, 'POST')).toBe(1);
    });

    it('fails as it says', async () => {
      const { id } = (await client.video({ model: 'openai-compatible/film', prompt: COMPATIBLE_PROMPTS.videoFails })).json<{
        id: string;
      }>();
      expect(await client.ended(id)).toMatchObject({ status: 'failed', error: { code: 'provider_unavailable' } });
    });
  });

  describe('when its file cannot be had', () => {
    it('has made the picture, which is gone', async () => {
      fal.inject({ kind: 'status', status: 403 }, { path: /^\/files\//, times: Number.POSITIVE_INFINITY });
      const answer = await client.image({ model: 'fal/watched', prompt: 'a boat' });
      const failure = failureOf(answer);
      expect(failure).toMatchObject({ status: 502, code: 'output_expired' });
      expect(answer.headers.get('x-should-retry')).toBe('false');
      expect(fal.submissions).toHaveLength(1);
      expect(await client.generation(failure.generation_id ?? '')).toMatchObject({
        error: { charged: 'yes' },
        cost_usd: PRICE_USD,
        hold: { state: 'settled' },
      });
    });

    it('is asked for the file again, never for the work', async () => {
      // More often than one download tries by itself.
      fal.inject({ kind: 'status', status: 503 }, { path: /^\/files\//, times: 4 });
      const answer = await client.image({ model: 'fal/watched', prompt: 'a boat' });
      expect(answer.status, answer.text).toBe(200);
      expect(fal.count(/^\/files\//)).toBe(5);
      expect(fal.submissions).toHaveLength(1);
      expect((await client.latest()).cost_usd).toBe(PRICE_USD);
    });
  });
});
