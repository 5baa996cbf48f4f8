import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../../../test/support/application.js';
import { databases } from '../../../test/support/databases.js';
import type { ApiKeyCreatedResponse, ApiKeyDetail } from '../../api/keys/dto/api-key.dto.js';
import type { ErrorBody } from '../../platform/common/index.js';

const MASTER = 'a-master-key-for-the-powers-of-keys';
const SOON = '2098-01-01T00:00:00.000Z';
const LATER = '2099-01-01T00:00:00.000Z';
/** Of one picture, in US dollars. */
const PRICE = 5;

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** A key with the scope `admin` looks after keys; it does not make more of them than it is. */
describe.each(databases())('an admin key on $name', ({ url }) => {
  let app: NestFastifyApplication;

  beforeAll(async () => {
    ({ app } = await testApplication(url, { master_key: MASTER, limits: { keys: { max_in_flight: 30 } } }));
  });

  async function send(key: string, method: Method, path: string, payload?: object) {
    return app.inject({ method, url: path, headers: { authorization: `Bearer ${key}` }, ...(payload === undefined ? {} : { payload }) });
  }

  async function make(fields: object, key = MASTER): Promise<ApiKeyCreatedResponse> {
    const answer = await send(key, 'POST', '/v1/keys', { name: 'k', ...fields });
    expect([answer.statusCode, answer.body]).toEqual([201, expect.any(String)]);
    return answer.json<ApiKeyCreatedResponse>();
  }

  const detail = async (id: string) => (await send(MASTER, 'GET', `/v1/keys/${id}`)).json<ApiKeyDetail>();
  let pictures = 0;
  const picture = (key: string) =>
    send(key, 'POST', '/v1/images/generations', { model: 'mock/expensive-image', prompt: `fox ${pictures++}` });

  function expectForbidden(answer: { statusCode: number; json<T>(): T }, param: string | null): void {
    const { error } = answer.json<ErrorBody>();
    expect([answer.statusCode, error.code, error.param]).toEqual([403, 'forbidden', param]);
  }

  const BOUNDED = {
    scopes: 'read,admin',
    allowed_models: ['mock/*', 'openai/gpt-image-1'],
    expires_at: SOON,
    rpm_limit: 600,
    max_in_flight: 10,
    max_queued: 5,
  };
  const WITHIN = { ...BOUNDED, scopes: 'read' };

  it.each([
    ['scopes', { scopes: 'generate' }],
    ['scopes', { scopes: 'read,generate,admin' }],
    // What is not said is what keys have by default.
    ['scopes', { scopes: undefined }],
    ['allowed_models', { allowed_models: undefined }],
    ['allowed_models', { allowed_models: null }],
    ['allowed_models', { allowed_models: ['*'] }],
    ['allowed_models', { allowed_models: ['mock/paint', 'fal/flux-dev'] }],
    ['expires_at', { expires_at: undefined }],
    ['expires_at', { expires_at: LATER }],
    ['rpm_limit', { rpm_limit: undefined }],
    ['rpm_limit', { rpm_limit: 601 }],
    ['max_in_flight', { max_in_flight: undefined }],
    ['max_in_flight', { max_in_flight: 11 }],
    ['max_queued', { max_queued: null }],
  ])('makes no key with %s beyond its own: %j', async (param, fields) => {
    const { key } = await make(BOUNDED);
    expectForbidden(await send(key, 'POST', '/v1/keys', { name: 'more', ...WITHIN, ...fields }), param);
  });

  it('makes keys that are within it, as anybody without a key makes any', async () => {
    const { key } = await make(BOUNDED);
    expect(await make(WITHIN, key)).toMatchObject({ scopes: 'read', expires_at: SOON });
    const unbounded = await make({ scopes: 'generate,read,admin' });
    expect(await make({ scopes: 'admin', token_quota: null, expires_at: null }, unbounded.key)).toMatchObject({ scopes: 'admin' });
  });

  it.each([
    ['scopes', { scopes: 'read,admin,generate' }],
    ['allowed_models', { allowed_models: null }],
    ['expires_at', { expires_at: null }],
    ['expires_at', { expires_at: LATER }],
    ['rpm_limit', { rpm_limit: 10_000 }],
    ['rpm_limit', { rpm_limit: null }],
    ['max_in_flight', { max_in_flight: null }],
    ['max_queued', { max_queued: 6 }],
  ])('does not lift its own %s, nor another’s beyond it: %j', async (param, change) => {
    const own = await make(BOUNDED);
    const other = await make(WITHIN);
    for (const { id } of [own, other]) expectForbidden(await send(own.key, 'PATCH', `/v1/keys/${id}`, change), param);
    for (const { id, scopes } of [own, other]) expect(await detail(id)).toMatchObject({ ...BOUNDED, scopes });
  });

  it('narrows itself and every other, also one that is more than it is', async () => {
    const own = await make(BOUNDED);
    const stronger = await make({ scopes: 'generate,read,admin', token_quota: 50 });
    expect((await send(own.key, 'PATCH', `/v1/keys/${own.id}`, { rpm_limit: 60, name: 'renamed' })).statusCode).toBe(200);
    const narrowed = await send(own.key, 'PATCH', `/v1/keys/${stronger.id}`, { token_quota: 10, scopes: 'generate', is_active: false });
    expect([narrowed.statusCode, narrowed.json()]).toMatchObject([200, { token_quota: 10, scopes: 'generate', is_active: false }]);
    // What was taken from a key that is more than it is, it cannot give back.
    expectForbidden(await send(own.key, 'PATCH', `/v1/keys/${stronger.id}`, { is_active: true }), 'scopes');
    expect((await send(own.key, 'DELETE', `/v1/keys/${stronger.id}`)).statusCode).toBe(200);
  });

  it('gives no new secret to a key that is more than it is, and so never has one', async () => {
    const own = await make(BOUNDED);
    const stronger = await make({ scopes: 'generate,read' });
    expectForbidden(await send(own.key, 'POST', `/v1/keys/${stronger.id}/rotate`, {}), 'scopes');
    expect((await send(stronger.key, 'GET', '/v1/models')).statusCode).toBe(200);
    const within = await make(WITHIN);
    expect((await send(own.key, 'POST', `/v1/keys/${within.id}/rotate`, {})).statusCode).toBe(200);
    expect((await send(own.key, 'POST', `/v1/keys/${own.id}/rotate`, {})).statusCode).toBe(200);
  });

  it('gives of its own quota, and no more of it than is left', async () => {
    const own = await make({ scopes: 'generate,read,admin', token_quota: 30 });
    for (const token_quota of [undefined, null, 30.000001]) {
      expectForbidden(await send(own.key, 'POST', '/v1/keys', { name: 'more', token_quota }), 'token_quota');
    }
    expect((await picture(own.key)).statusCode).toBe(200);
    expectForbidden(await send(own.key, 'POST', '/v1/keys', { name: 'more', token_quota: 26 }), 'token_quota');
    const child = await make({ token_quota: 10 }, own.key);
    expect(await detail(own.id)).toMatchObject({ token_quota: 20, tokens_used: PRICE });
    // Together they can spend what the one could: a quota is not given twice.
    const made = await Promise.all(Array.from({ length: 8 }, () => send(own.key, 'POST', '/v1/keys', { name: 'x', token_quota: 6 })));
    expect(made.map(({ statusCode }) => statusCode).filter((status) => status === 201)).toHaveLength(2);
    expect(await detail(own.id)).toMatchObject({ token_quota: 8 });
    expectForbidden(await send(own.key, 'PATCH', `/v1/keys/${child.id}`, { token_quota: 14 }), 'token_quota');
    expectForbidden(await send(own.key, 'PATCH', `/v1/keys/${child.id}`, { token_quota: null }), 'token_quota');
    expect((await send(own.key, 'PATCH', `/v1/keys/${child.id}`, { token_quota: 12 })).statusCode).toBe(403);
    expect((await send(own.key, 'PATCH', `/v1/keys/${child.id}`, { token_quota: 8 })).statusCode).toBe(200);
    expect((await send(own.key, 'PATCH', `/v1/keys/${own.id}`, { token_quota: 7 })).statusCode).toBe(200);
    for (const token_quota of [8, 100, null]) {
      expectForbidden(await send(own.key, 'PATCH', `/v1/keys/${own.id}`, { token_quota }), 'token_quota');
    }
    expect((await picture(own.key)).statusCode).toBe(402);
  });

  it('lifts no budget that bounds it, nor that of another key', async () => {
    const own = await make({ scopes: 'generate,read,admin', token_quota: 30 });
    const other = await make({ token_quota: 5 });
    const { data } = (await send(MASTER, 'GET', '/v1/budgets')).json<{ data: { id: string; subject: string }[] }>();
    for (const { id } of [own, other]) {
      const budget = data.find(({ subject }) => subject === id)?.id ?? '';
      expectForbidden(await send(own.key, 'PATCH', `/v1/budgets/${budget}`, { limit_usd: 1_000 }), 'limit_usd');
      expectForbidden(await send(own.key, 'DELETE', `/v1/budgets/${budget}`), 'id');
      expectForbidden(
        await send(own.key, 'POST', '/v1/budgets', { level: 'key', subject: id, period: 'month', limit_usd: 1_000 }),
        'subject',
      );
      expect((await send(own.key, 'PATCH', `/v1/budgets/${budget}`, { limit_usd: 4 })).statusCode).toBe(200);
    }
    const everyKey = await send(MASTER, 'POST', '/v1/budgets', { level: 'key', period: 'day', limit_usd: 3 });
    const { id: general } = everyKey.json<{ id: string }>();
    const unbounded = await make({ scopes: 'admin' });
    for (const key of [own.key, unbounded.key]) {
      expectForbidden(await send(key, 'PATCH', `/v1/budgets/${general}`, { limit_usd: 4 }), 'limit_usd');
      expectForbidden(await send(key, 'DELETE', `/v1/budgets/${general}`), 'id');
    }
    expect((await send(MASTER, 'DELETE', `/v1/budgets/${general}`)).statusCode).toBe(200);
    expect((await send(unbounded.key, 'PATCH', `/v1/keys/${other.id}`, { token_quota: 50 })).statusCode).toBe(200);

    const organization = await send(MASTER, 'POST', '/v1/budgets', { level: 'organization', period: 'month', limit_usd: 1_000 });
    const { id: shared } = organization.json<{ id: string }>();
    expectForbidden(await send(unbounded.key, 'PATCH', `/v1/budgets/${shared}`, { limit_usd: 1_001 }), 'limit_usd');
    expectForbidden(await send(unbounded.key, 'DELETE', `/v1/budgets/${shared}`), 'id');
    expect((await send(unbounded.key, 'PATCH', `/v1/budgets/${shared}`, { limit_usd: 999 })).statusCode).toBe(200);
  });

  it('gives nothing back to itself', async () => {
    const own = await make({ scopes: 'generate,read,admin', token_quota: 30 });
    const made = await picture(own.key);
    const id = made.headers['x-litegen-generation-id'] as string;
    const refund = { amount_usd: PRICE, reason: 'mine' };
    expectForbidden(await send(own.key, 'POST', `/v1/generations/${id}/refund`, refund), null);
    expectForbidden(await send(own.key, 'POST', `/v1/generations/${id}/resolve`, { charged: 'no' }), null);
    expect(await detail(own.id)).toMatchObject({ tokens_used: PRICE });
    const other = await make({ scopes: 'admin' });
    expect((await send(other.key, 'POST', `/v1/generations/${id}/refund`, refund)).statusCode).toBe(200);
    expect(await detail(own.id)).toMatchObject({ tokens_used: 0 });
  });
});
