import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../../../test/support/application.js';
import { databases } from '../../../test/support/databases.js';
import { DEFAULT_TENANT } from '../../domain/access/index.js';
import { Clock, type ErrorBody } from '../../platform/common/index.js';
import type { Budget, BudgetListResponse } from './dto/budget.dto.js';

const MASTER = 'a-master-key-for-the-budgets-api';
/** 2026-11-20T10:00:00Z, a Friday. */
const NOW_MS = Date.parse('2026-11-20T10:00:00Z');
const DAY_MS = 86_400_000;

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

describe.each(databases())('the budgets API on $name', ({ url }) => {
  let app: NestFastifyApplication;
  let nowMs = NOW_MS;

  beforeAll(async () => {
    ({ app } = await testApplication(url, { master_key: MASTER, engine: { tick_ms: 50 } }));
    const clock = app.get(Clock);
    clock.nowMs = () => nowMs;
  });

  async function send(method: Method, path: string, payload?: object, key = MASTER) {
    return app.inject({ method, url: path, headers: { authorization: `Bearer ${key}` }, ...(payload === undefined ? {} : { payload }) });
  }

  async function create(payload: object): Promise<Budget> {
    const answer = await send('POST', '/v1/budgets', payload);
    expect([answer.statusCode, answer.body]).toEqual([201, expect.any(String)]);
    return answer.json<Budget>();
  }

  const get = async (id: string) => (await send('GET', `/v1/budgets/${id}`)).json<Budget>();
  const remove = (id: string) => send('DELETE', `/v1/budgets/${id}`);
  let pictures = 0;
  /** 5 US dollars each; no two alike, so that none is taken for a repetition. */
  const picture = (fields: object = {}, key = MASTER) =>
    send('POST', '/v1/images/generations', { model: 'mock/expensive-image', prompt: `fox ${pictures++}`, ...fields }, key);

  async function newKey(fields: object = {}): Promise<{ id: string; key: string }> {
    return (await send('POST', '/v1/keys', { name: 'k', ...fields })).json<{ id: string; key: string }>();
  }

  it('creates, lists, changes and deletes', async () => {
    const budget = await create({ level: 'application', period: 'month', limit_usd: 100.000001 });
    expect(budget).toEqual({
      id: expect.stringMatching(/^budget-[0-9a-f]{32}$/),
      level: 'application',
      subject: DEFAULT_TENANT.appId,
      period: 'month',
      limit_usd: 100.000001,
      period_start: '2026-11-01T00:00:00.000Z',
      resets_at: '2026-12-01T00:00:00.000Z',
      balances: [{ subject: DEFAULT_TENANT.appId, held_usd: 0, settled_usd: 0, remaining_usd: 100.000001 }],
      created_at: '2026-11-20T10:00:00.000Z',
      updated_at: '2026-11-20T10:00:00.000Z',
    });
    expect((await send('POST', '/v1/budgets', { level: 'application', period: 'month', limit_usd: 1 })).statusCode).toBe(409);
    expect((await send('PATCH', `/v1/budgets/${budget.id}`, { limit_usd: 7 })).json()).toMatchObject({ id: budget.id, limit_usd: 7 });
    const listed = (await send('GET', '/v1/budgets')).json<BudgetListResponse>();
    expect(listed.data.map(({ id }) => id)).toEqual([budget.id]);
    expect((await remove(budget.id)).json()).toEqual({ deleted: true });
    expect((await send('GET', `/v1/budgets/${budget.id}`)).statusCode).toBe(404);
    // Its place is free again.
    await remove((await create({ level: 'application', period: 'month', limit_usd: 1 })).id);
  });

  it.each([
    [{ level: 'team', limit_usd: 1 }, 400, 'level'],
    [{ level: 'key', limit_usd: -1 }, 400, 'limit_usd'],
    [{ level: 'key' }, 400, 'limit_usd'],
    [{ level: 'user', subject: '', limit_usd: 1 }, 400, 'subject'],
    [{ level: 'user', period: 'year', limit_usd: 1 }, 400, 'period'],
    [{ level: 'key', subject: 'nobody', limit_usd: 1 }, 404, 'subject'],
    [{ level: 'organization', subject: 'another', limit_usd: 1 }, 404, 'subject'],
  ])('refuses %j', async (payload, status, param) => {
    const answer = await send('POST', '/v1/budgets', payload);
    expect([answer.statusCode, answer.json<ErrorBody>().error.param]).toEqual([status, param]);
  });

  it('bounds every user, each on its own, until the day ends, and says so', async () => {
    const budget = await create({ level: 'user', period: 'day', limit_usd: 9 });
    const first = await picture({ user: 'ann' });
    expect(first.statusCode).toBe(200);
    expect(first.headers).toMatchObject({
      'x-litegen-cost': '5',
      'x-litellm-response-cost': '5',
      'x-litegen-cost-source': 'dynamic',
      'x-litegen-budget-remaining': '4',
    });
    expect(first.json()).toMatchObject({ usage: { cost_usd: 5, budget_remaining_usd: 4 } });
    const refused = await picture({ user: 'ann' });
    expect(refused.statusCode).toBe(402);
    expect(refused.headers['retry-after']).toBe(String(14 * 3600));
    expect(refused.headers['x-should-retry']).toBe('false');
    expect(refused.json<ErrorBody>().error).toMatchObject({
      type: 'quota_exceeded',
      code: 'quota_exceeded',
      message: expect.stringContaining('4 USD left of 9'),
      budget: {
        level: 'user',
        subject: 'ann',
        period: 'day',
        limit_usd: 9,
        remaining_usd: 4,
        required_usd: 5,
        resets_at: '2026-11-21T00:00:00.000Z',
      },
    });
    expect((await picture({ user: 'bob' })).statusCode).toBe(200);
    const free = await picture();
    expect([free.statusCode, free.headers['x-litegen-budget-remaining']]).toEqual([200, undefined]);
    expect((await get(budget.id)).balances.map(({ subject, settled_usd }) => [subject, settled_usd]).sort()).toEqual([
      ['ann', 5],
      ['bob', 5],
    ]);
    // A budget of her own takes its place for ann.
    const own = await create({ level: 'user', subject: 'ann', period: 'day', limit_usd: 50 });
    expect((await picture({ user: 'ann' })).headers['x-litegen-budget-remaining']).toBe('45');
    await remove(own.id);
    expect((await picture({ user: 'ann' })).statusCode).toBe(402);
    nowMs += DAY_MS;
    expect((await picture({ user: 'ann' })).statusCode).toBe(200);
    await remove(budget.id);
  });

  it('names the widest level that refuses, and takes nothing from the others', async () => {
    const { id, key } = await newKey({ token_quota: 20 });
    const organization = await create({ level: 'organization', limit_usd: 6 });
    expect((await picture({}, key)).headers['x-litegen-budget-remaining']).toBe('1');
    const refused = await picture({}, key);
    expect(refused.json<ErrorBody>().error.budget).toMatchObject({ level: 'organization', remaining_usd: 1, resets_at: null });
    expect(refused.headers['retry-after']).toBeUndefined();
    expect((await send('GET', `/v1/keys/${id}`)).json()).toMatchObject({ tokens_used: 5, tokens_held: 0 });
    await send('PATCH', `/v1/budgets/${organization.id}`, { limit_usd: 11 });
    expect((await picture({}, key)).statusCode).toBe(200);
    await remove(organization.id);
    expect((await picture({}, key)).headers['x-litegen-budget-remaining']).toBe('5');
  });

  it('and the keys API show one quota', async () => {
    const { id, key } = await newKey();
    expect((await picture({}, key)).statusCode).toBe(200);
    expect((await send('GET', `/v1/keys/${id}`)).json()).toMatchObject({ token_quota: null, tokens_used: 5 });
    const budget = await create({ level: 'key', subject: id, limit_usd: 9 });
    expect(budget.balances).toEqual([{ subject: id, held_usd: 0, settled_usd: 5, remaining_usd: 4 }]);
    expect((await picture({}, key)).json<ErrorBody>().error.budget).toMatchObject({ level: 'key', subject: id });
    expect((await send('GET', `/v1/keys/${id}`)).json()).toMatchObject({ token_quota: 9, tokens_used: 5 });
    await send('PATCH', `/v1/keys/${id}`, { token_quota: 15 });
    expect(await get(budget.id)).toMatchObject({ limit_usd: 15 });
    expect((await picture({}, key)).statusCode).toBe(200);
    await remove(budget.id);
    expect((await picture({}, key)).statusCode).toBe(200);
    expect((await send('GET', `/v1/keys/${id}`)).json()).toMatchObject({ token_quota: null, tokens_used: 15 });
  });
});
