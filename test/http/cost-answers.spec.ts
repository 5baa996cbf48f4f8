import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../support/application.js';
import { databases } from '../support/databases.js';

const MASTER = 'a-master-key-for-the-costs';
const QUOTA_USD = 100;

interface Told {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  // The routes answer in several shapes.
  readonly body: Readonly<Record<string, unknown>>;
}

const [sqlite] = databases();

describe('what it cost is told by every route', () => {
  let app: NestFastifyApplication;
  let key: string;
  let spentUsd = 0;

  beforeAll(async () => {
    ({ app } = await testApplication(sqlite?.url ?? '', { master_key: MASTER, engine: { tick_ms: 50 }, cost_markup_percent: 10 }));
    key = (await send('POST', '/v1/keys', { name: 'k', scopes: 'generate,read', token_quota: QUOTA_USD }, {}, MASTER)).body[
      'key'
    ] as string;
  });

  async function send(method: 'GET' | 'POST' | 'PATCH', url: string, payload?: object, headers: object = {}, as = key): Promise<Told> {
    const authorization = { authorization: `Bearer ${as}`, ...headers };
    const answer = await app.inject({ method, url, headers: authorization, ...(payload === undefined ? {} : { payload }) });
    const isJson = String(answer.headers['content-type']).startsWith('application/json');
    return { status: answer.statusCode, headers: answer.headers, body: isJson ? answer.json() : { text: answer.body } };
  }

  const money = ({ headers }: Told) => ({
    cost: headers['x-litegen-cost'],
    source: headers['x-litegen-cost-source'],
    remaining: headers['x-litegen-budget-remaining'],
  });
  const usd = (amount: number) => String(Math.round(amount * 1e6) / 1e6);
  /** What was spent is known to the test alone: prices of the mock's file and 10 % of markup. */
  function charge(amountUsd: number): { cost: string; source: string; remaining: string } {
    spentUsd += amountUsd;
    return { cost: usd(amountUsd), source: 'dynamic', remaining: usd(QUOTA_USD - spentUsd) };
  }
  const picture = { model: 'mock/priced-paint', prompt: 'a red fox', quality: 'low', size: '1024x1024' };
  const clip = { model: 'mock/priced-clip', prompt: 'a red fox', seconds: '2' };
  let serial = 0;
  const alone = () => ({ 'idempotency-key': `cost-${serial++}` });

  it.each([
    ['two pictures', { ...picture, n: 2 }, 0.0242],
    ['one with a reference', { ...picture, reference_images: [{ type: 'url', value: PNG }] }, 0.0176],
  ])('images: %s', async (_name, payload, costUsd) => {
    const answer = await send('POST', '/v1/images/generations', payload, alone());
    const expected = charge(costUsd);
    expect([answer.status, answer.body['error'], money(answer)]).toEqual([200, undefined, expected]);
    expect(answer.body['usage']).toMatchObject({
      cost_usd: Number(expected.cost),
      cost_source: 'dynamic',
      budget_remaining_usd: Number(expected.remaining),
    });
  });

  it('images: a replay costs nothing more, and tells what is left now', async () => {
    const once = alone();
    await send('POST', '/v1/images/generations', picture, once);
    const expected = charge(0.0121);
    expect(money(await send('POST', '/v1/images/generations', picture, once))).toEqual(expected);
  });

  it('images: the last event of a stream', async () => {
    const { headers, body } = await send('POST', '/v1/images/generations', { ...picture, n: 2, stream: true }, alone());
    const expected = charge(0.0242);
    expect(money({ status: 200, headers, body })).toEqual(expected);
    const usages = [...String(body['text']).matchAll(/^data: (\{.*\})$/gm)].map(
      ([, data = '']) => (JSON.parse(data) as Told['body'])['usage'],
    );
    expect(usages).toHaveLength(2);
    expect(usages[0]).toMatchObject({ cost_usd: 0 });
    expect(usages[1]).toMatchObject({ cost_usd: 0.0242, cost_source: 'dynamic', budget_remaining_usd: Number(expected.remaining) });
  });

  it('images: what failed for nothing', async () => {
    const answer = await send(
      'POST',
      '/v1/images/generations',
      { ...picture, prompt: 'x [mock fail=content_rejected charged=no]' },
      alone(),
    );
    expect([answer.status, money(answer)]).toEqual([400, charge(0)]);
  });

  it('images: what is still running, and how it ended', async () => {
    const payload = { ...picture, prompt: 'a red fox [mock latency=1500ms]', metadata: { order: 7 } };
    const pending = await send('POST', '/v1/images/generations', payload, { ...alone(), prefer: 'respond-async' });
    const expected = charge(0.0121);
    expect([pending.status, money(pending)]).toEqual([202, { ...expected, source: 'estimated' }]);
    expect(pending.body).toMatchObject({ cost_usd: 0, cost_source: null, budget_remaining_usd: Number(expected.remaining) });
    // It is told from memory, and is what the database has.
    expect((await send('GET', `/v1/generations/${String(pending.body['id'])}`)).body).toEqual(pending.body);
    const ended = await send('GET', `/v1/generations/${String(pending.body['id'])}`, undefined, { prefer: 'wait=30' });
    expect([ended.body['status'], money(ended)]).toEqual(['completed', expected]);
    expect(ended.body).toMatchObject({ cost_usd: 0.0121, cost_source: 'usage', budget_remaining_usd: Number(expected.remaining) });
  });

  it.each([
    ['/v1/videos', 'queued'],
    ['/v1/videos/generations', 'pending'],
  ])('videos: %s', async (url) => {
    const created = await send('POST', url, clip, { ...alone(), prefer: 'respond-async' });
    const expected = charge(0.11);
    expect([created.status, money(created)]).toEqual([202, { ...expected, source: 'estimated' }]);
    const usage = { cost_usd: 0.11, budget_remaining_usd: Number(expected.remaining) };
    expect(created.body).toMatchObject({
      usage: { ...usage, cost_source: 'estimated' },
      receipt: { applied: expect.arrayContaining(['seconds']) as string[] },
    });
    const id = String(created.body['id']);
    await send('GET', `/v1/generations/${id}`, undefined, { prefer: 'wait=30' });
    const ended = await send('GET', `/v1/videos/${id}`);
    expect([ended.body['status'], money(ended)]).toEqual(['completed', expected]);
    expect(ended.body['usage']).toMatchObject({ ...usage, cost_source: 'dynamic' });
  });

  it('a cancellation for nothing', async () => {
    const created = await send('POST', '/v1/videos', { ...clip, prompt: 'x [mock latency=60s]' }, { ...alone(), prefer: 'respond-async' });
    const cancelled = await send('PATCH', `/v1/generations/${String(created.body['id'])}`, { status: 'cancelled' });
    expect([cancelled.body['status'], money(cancelled)]).toEqual(['cancelled', charge(0)]);
  });

  it('nothing is left unsaid where nothing is bounded', async () => {
    const answer = await send('POST', '/v1/images/generations', picture, alone(), MASTER);
    expect(money(answer)).toEqual({ cost: '0.0121', source: 'dynamic', remaining: undefined });
    const found = await send('GET', `/v1/generations/${String(answer.body['id'])}`, undefined, {}, MASTER);
    expect([money(found).remaining, found.body['budget_remaining_usd']]).toEqual([undefined, null]);
  });

  it.each([
    ['POST', '/v1/videos', { ...clip, seconds: '60' }, 'seconds'],
    ['POST', '/v1/videos/generations', { model: 'mock/priced-clip', prompt: 'x', duration_seconds: 60 }, 'duration_seconds'],
  ] as const)('%s %s names the field that was sent', async (method, url, payload, param) => {
    const { status, body } = await send(method, url, payload);
    expect([status, body['error']]).toMatchObject([400, { param, message: expect.stringMatching(new RegExp(`^${param} must`)) as string }]);
  });
});

const PNG = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
