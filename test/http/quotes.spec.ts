import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { EntityManager } from 'typeorm';
import { beforeAll, describe, expect, it } from 'vitest';
import { Clock } from '../../src/platform/common/index.js';
import { Database, rows } from '../../src/platform/database/index.js';
import { testApplication } from '../support/application.js';
import { databases } from '../support/databases.js';

const MASTER = { authorization: 'Bearer a-master-key-for-quotes' };
const SETTINGS = { master_key: 'a-master-key-for-quotes', idempotency: { duplicate_guard_seconds: 0 }, engine: { tick_ms: 50 } };
const REQUEST = { model: 'mock/priced-paint', prompt: 'a red fox', n: 2, size: '512x512', quality: 'high' };

interface Shown {
  readonly id: string;
  readonly expires_at: string;
  readonly [name: string]: unknown;
}

describe.each(databases())('quotes on $name', ({ url }) => {
  let app: NestFastifyApplication;
  /** The same gateway after its operator doubled the prices. */
  let dearer: NestFastifyApplication;

  beforeAll(async () => {
    ({ app } = await testApplication(url, SETTINGS));
    ({ app: dearer } = await testApplication(url, { ...SETTINGS, cost_markup_percent: 100 }));
  });

  const post = (path: string, payload: object, headers: Record<string, string> = {}, to = app) =>
    to.inject({ method: 'POST', url: path, headers: { ...MASTER, ...headers }, payload });

  async function quoted(payload: object, headers?: Record<string, string>): Promise<Shown> {
    const answer = await post('/v1/quote', payload, headers);
    expect([answer.statusCode, answer.body]).toEqual([200, expect.any(String)]);
    return answer.json<Shown>();
  }

  async function bought(payload: object, quoteId: string, to = dearer, path = '/v1/images/generations') {
    const answer = await post(path, payload, { 'x-litegen-quote': quoteId, prefer: 'wait=60' }, to);
    const id = String(answer.headers['x-litegen-generation-id']);
    const shown = await app.inject({ url: `/v1/generations/${id}`, headers: MASTER });
    return { answer, shown: shown.json<Record<string, unknown>>() };
  }

  it('say everything about a price', async () => {
    const before = Date.now();
    const quote = await quoted(REQUEST);
    expect(quote).toMatchObject({
      id: expect.stringMatching(/^quote-[0-9a-f]{32}$/),
      object: 'quote',
      operation: 'image.generate',
      model: 'mock/priced-paint',
      total_cost: '0.334',
      total_cost_micros: 334_000,
      hold: '0.334',
      hold_micros: 334_000,
      exact: true,
      price_source: 'catalog',
      confidence: 'published',
      components: [{ metric: 'image', quantity: '2', unit_price: '0.167', total_cost: '0.334', conditions: { quality: 'high' } }],
      receipt: { applied: expect.arrayContaining(['prompt', 'n', 'size', 'quality']), dropped: [] },
      budget_remaining_usd: null,
      admitted: true,
      refusal: null,
    });
    expect(Date.parse(quote.expires_at) - before).toBeGreaterThanOrEqual(900_000);
    expect(Date.parse(quote.expires_at) - before).toBeLessThan(960_000);
  });

  it('compare models, each with its own price or its own error', async () => {
    const { model: _model, ...request } = REQUEST;
    const answer = await post('/v1/quote', { ...request, models: ['mock/priced-paint', 'mock/paint', 'mock/clip', 'no/such'] });
    const { object, data } = answer.json<{
      object: string;
      data: { model: string; quote: Shown | null; error: { code: string } | null }[];
    }>();
    expect([answer.statusCode, object]).toEqual([200, 'list']);
    expect(data.map(({ model, quote, error }) => [model, quote?.['total_cost'], error?.code])).toEqual([
      ['mock/priced-paint', '0.334', undefined],
      ['mock/paint', '0', undefined],
      ['mock/clip', undefined, expect.stringMatching(/^param_/)],
      ['no/such', undefined, 'model_not_found'],
    ]);
  });

  it('infer the operation, and count references that are not there', async () => {
    const [video, edit, counted, roles] = await Promise.all([
      quoted({ model: 'mock/priced-clip', prompt: 'x', duration_seconds: 4, resolution: '720p' }),
      quoted({ model: 'mock/priced-paint', prompt: 'x', image: 'https://unreachable.test/a.png' }),
      quoted({ model: 'mock/priced-paint', prompt: 'x', reference_counts: 2 }),
      quoted({ operation: 'image.edit', model: 'mock/priced-paint', prompt: 'x', reference_counts: { init: 1, mask: 1 } }),
    ]);
    expect([video['operation'], video['total_cost']]).toEqual(['video.generate', '0.48']);
    expect([edit['operation'], edit['total_cost']]).toEqual(['image.edit', '0.047']);
    expect([counted['operation'], counted['total_cost']]).toEqual(['image.generate', '0.047']);
    expect([roles['operation'], roles['total_cost']]).toEqual(['image.edit', '0.047']);
  });

  it.each([
    ['no model', {}, 400, 'model_required', 'model'],
    ['both', { model: 'mock/paint', models: ['mock/paint'] }, 400, 'param_invalid_type', 'models'],
    ['an operation that is none', { model: 'mock/paint', operation: 'paint' }, 400, 'param_enum_mismatch', 'operation'],
    [
      'an operation that the model has not',
      { model: 'mock/clip', prompt: 'x', operation: 'image.edit' },
      400,
      'operation_unsupported',
      'model',
    ],
    [
      'a role that the model has not',
      { model: 'mock/paint', prompt: 'x', reference_counts: { tail: 1 } },
      400,
      'ref_role_unknown',
      'reference_counts.tail',
    ],
    [
      'too many references',
      { model: 'mock/paint', prompt: 'x', reference_counts: { init: 40, mask: 40 } },
      400,
      'param_out_of_range',
      'reference_counts',
    ],
    ['what the request would be refused for', { model: 'mock/paint', prompt: 'x', size: 'huge' }, 400, 'param_enum_mismatch', 'size'],
  ])('refuse %s', async (_name, payload, status, code, param) => {
    const answer = await post('/v1/quote', payload);
    const { error } = answer.json<{ error: { code: string; param: string } }>();
    expect([answer.statusCode, error.code, error.param]).toEqual([status, code, param]);
  });

  it('are held and billed as promised, whatever the price is by then and whatever the vendor says', async () => {
    const { id } = await quoted(REQUEST);
    const { answer, shown } = await bought({ ...REQUEST, prompt: 'another fox [mock cost=5]', seed: 7 }, id);
    expect([answer.statusCode, answer.headers['x-litegen-cost']]).toEqual([200, '0.334']);
    expect(shown).toMatchObject({
      cost_usd: 0.334,
      cost_source: 'quote',
      hold: { amount_usd: 0.334, state: 'settled' },
      quote: { id, exact: true },
    });
    const { shown: fewer } = await bought({ ...REQUEST, prompt: 'a fox [mock outputs=1]' }, id);
    expect(fewer).toMatchObject({ cost_usd: 0.167, quote: { id } });
    const without = await post('/v1/images/generations', REQUEST, {}, dearer);
    expect(without.headers['x-litegen-cost']).toBe('0.668');
    const clip = { model: 'mock/priced-clip', prompt: 'x', duration_seconds: 4 };
    const video = await quoted(clip);
    const sold = await bought({ ...clip, duration_seconds: undefined, seconds: '4' }, video.id, dearer, '/v1/videos');
    expect(sold.shown).toMatchObject({ cost_usd: 0.2, quote: { id: video.id } });
  });

  it('do not stretch to another request', async () => {
    const { id } = await quoted(REQUEST);
    for (const [change, param] of [
      [{ n: 3 }, 'n'],
      [{ size: '1024x1536' }, 'size'],
      [{ quality: 'low' }, 'quality'],
      [{ model: 'mock/paint' }, 'model'],
    ] as const) {
      const { answer } = await bought({ ...REQUEST, ...change }, id);
      const { error } = answer.json<{ error: { code: string; param: string } }>();
      expect([answer.statusCode, error.code, error.param]).toEqual([422, 'quote_mismatch', param]);
    }
    const foreign = (manager: EntityManager) => rows(manager, `UPDATE quotes SET app_id = 'app-other' WHERE id = :id RETURNING id`, { id });
    expect(await app.get(Database).write(foreign)).toHaveLength(1);
    const others = await bought(REQUEST, id);
    expect([others.answer.statusCode, others.answer.json()]).toMatchObject([422, { error: { code: 'quote_not_found' } }]);
    const unknown = await bought(REQUEST, 'quote-0123456789abcdef0123456789abcdef');
    expect([unknown.answer.statusCode, unknown.answer.json()]).toMatchObject([422, { error: { code: 'quote_not_found' } }]);
  });

  it('expire, but a repetition gets what was bought', async () => {
    const { id, expires_at: expiresAt } = await quoted(REQUEST);
    const headers = { 'x-litegen-quote': id, 'idempotency-key': `quote-${id}` };
    const first = await post('/v1/images/generations', REQUEST, headers);
    expect(first.statusCode).toBe(200);
    const clock = dearer.get(Clock);
    const { nowMs } = clock;
    clock.nowMs = () => Date.parse(expiresAt);
    try {
      const late = await post('/v1/images/generations', REQUEST, { 'x-litegen-quote': id }, dearer);
      expect([late.statusCode, late.json()]).toMatchObject([409, { error: { code: 'quote_expired', param: 'x-litegen-quote' } }]);
      const again = await post('/v1/images/generations', REQUEST, headers, dearer);
      expect([again.statusCode, again.headers['idempotent-replayed']]).toEqual([200, 'true']);
    } finally {
      clock.nowMs = nowMs;
    }
  });

  it('say what budgets have left, and whether they would refuse', async () => {
    const created = await post('/v1/keys', { name: 'poor', scopes: 'generate,read', token_quota: 0.2 });
    const headers = { authorization: `Bearer ${created.json<{ key: string }>().key}` };
    const cheap = await quoted({ ...REQUEST, n: 1 }, headers);
    expect(cheap).toMatchObject({ budget_remaining_usd: 0.2, admitted: true, refusal: null });
    const dear = await quoted(REQUEST, headers);
    expect(dear).toMatchObject({
      budget_remaining_usd: 0.2,
      admitted: false,
      refusal: { code: 'quota_exceeded', status: 402, budget: { level: 'key', required_usd: 0.334 } },
    });
  });
});
