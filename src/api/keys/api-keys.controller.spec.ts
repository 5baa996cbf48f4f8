import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { testApplication } from '../../../test/support/application.js';
import { databases } from '../../../test/support/databases.js';
import { AuthService } from '../../domain/access/auth.service.js';
import { Clock } from '../../platform/common/index.js';
import { Database, rows } from '../../platform/database/index.js';
import type { ApiKeyCreatedResponse, ApiKeyDetail } from './dto/api-key.dto.js';

const MASTER = 'a-master-key-for-the-keys-api';

describe.each(databases())('the keys API on $name', ({ url }) => {
  let app: NestFastifyApplication;

  beforeAll(async () => {
    ({ app } = await testApplication(url, { master_key: MASTER }));
  });

  async function send(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, payload?: object, key = MASTER) {
    // SDKs send the content type with every request, also where there is no body.
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    return app.inject({ method, url: path, headers, ...(payload === undefined ? {} : { payload }) });
  }

  async function create(fields: object = {}): Promise<ApiKeyCreatedResponse> {
    const answer = await send('POST', '/v1/keys', { name: 'a key', ...fields });
    expect(answer.statusCode).toBe(201);
    return answer.json<ApiKeyCreatedResponse>();
  }

  async function detail(id: string): Promise<ApiKeyDetail> {
    return (await send('GET', `/v1/keys/${id}`)).json<ApiKeyDetail>();
  }

  /** What a key gets when it asks for the models. */
  async function standing(key: string): Promise<{ status: number; code?: string }> {
    const answer = await send('GET', '/v1/models', undefined, key);
    return {
      status: answer.statusCode,
      ...(answer.statusCode === 200 ? {} : { code: answer.json<{ error: { code: string } }>().error.code }),
    };
  }

  it('creates a key in LiteGen’s form, and shows its secret once', async () => {
    const created = await create({ name: 'storefront', token_quota: 2.5, rpm_limit: 600, allowed_models: ['mock/*'] });
    expect(created).toMatchObject({
      key: expect.stringMatching(/^sk_live_[0-9a-f]{48}$/),
      public_id: expect.stringMatching(/^pk_live_[0-9a-f]{24}$/),
      prefix: created.key.slice(0, 16),
      name: 'storefront',
      token_quota: 2.5,
      rpm_limit: 600,
      scopes: 'generate,read',
      allowed_models: ['mock/*'],
      expires_at: null,
      webhook_url: null,
    });
    expect(await standing(created.key)).toEqual({ status: 200 });

    const list = await send('GET', '/v1/keys');
    const own = await send('GET', `/v1/keys/${created.id}`);
    for (const { body } of [list, own]) expect(body).not.toContain(created.key);
    expect(list.json<{ data: { id: string; prefix: string }[] }>().data.find(({ id }) => id === created.id)).toMatchObject({
      prefix: created.prefix,
      is_active: true,
      tokens_used: 0,
      tokens_held: 0,
    });
    expect(own.json()).toMatchObject({ id: created.id, key_prefix: created.prefix, token_quota: 2.5 });
    const stored = await rows<object>(app.get(Database).manager, 'SELECT * FROM api_keys WHERE id = :id', { id: created.id });
    expect(JSON.stringify(stored)).not.toContain(created.key.slice('sk_live_'.length + 8));
  });

  it.each([
    [{ name: '' }, 'name'],
    [{ name: undefined }, 'name'],
    [{ token_quota: -1 }, 'token_quota'],
    [{ rpm_limit: 0 }, 'rpm_limit'],
    [{ rpm_limit: 1.5 }, 'rpm_limit'],
    [{ scopes: 'read,root' }, 'scopes'],
    [{ scopes: ' , ' }, 'scopes'],
    [{ expires_at: 'tomorrow' }, 'expires_at'],
    [{ expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'],
    [{ allowed_models: 'mock/*' }, 'allowed_models'],
    [{ webhook_url: 'ftp://example.com' }, 'webhook_url'],
    [{ org_id: 'another' }, 'org_id'],
  ])('refuses %j and names the field', async (fields, param) => {
    const answer = await send('POST', '/v1/keys', { name: 'x', ...fields });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ error: { type: 'validation_error', param } });
  });

  it.each(['http://169.254.169.254/latest', 'http://localhost:9/hook', 'http://[::1]/hook'])(
    'refuses the webhook %s when it is set, as an endpoint’s',
    async (url) => {
      const blocked = { error: { code: 'url_blocked', param: 'webhook_url' } };
      expect((await send('POST', '/v1/keys', { name: 'x', webhook_url: url })).json()).toMatchObject(blocked);
      const { id } = await create({});
      expect((await send('PATCH', `/v1/keys/${id}`, { webhook_url: url })).json()).toMatchObject(blocked);
      expect((await send('GET', `/v1/keys/${id}`)).json()).toMatchObject({ webhook_url: null });
    },
  );

  it('changes what is named, clears what is null and leaves the rest', async () => {
    const { id } = await create({ token_quota: 10, rpm_limit: 60, allowed_models: ['mock/*'], webhook_url: 'https://example.com/hook' });
    expect((await send('PATCH', `/v1/keys/${id}`, { name: 'renamed', token_quota: null })).json()).toMatchObject({
      name: 'renamed',
      token_quota: null,
      rpm_limit: 60,
      allowed_models: ['mock/*'],
    });
    expect((await send('PATCH', `/v1/keys/${id}`, { rpm_limit: null, allowed_models: null, webhook_url: null })).json()).toMatchObject({
      name: 'renamed',
      rpm_limit: null,
      allowed_models: null,
      webhook_url: null,
    });
    const expiresAt = '2099-01-01T00:00:00.000Z';
    expect((await send('PATCH', `/v1/keys/${id}`, { expires_at: expiresAt })).json()).toMatchObject({ expires_at: expiresAt });
    expect((await send('PATCH', `/v1/keys/${id}`, { expires_at: null })).json()).toMatchObject({ expires_at: null });
    expect((await send('PATCH', `/v1/keys/${id}`, {})).json()).toMatchObject({ name: 'renamed' });
  });

  it('acts on a change at once', async () => {
    const { id, key } = await create();
    expect(await standing(key)).toEqual({ status: 200 });
    await send('PATCH', `/v1/keys/${id}`, { is_active: false });
    expect(await standing(key)).toEqual({ status: 401, code: 'invalid_api_key' });
    await send('PATCH', `/v1/keys/${id}`, { is_active: true, expires_at: '2020-01-01T00:00:00Z' });
    expect(await standing(key)).toEqual({ status: 401, code: 'api_key_expired' });
    await send('PATCH', `/v1/keys/${id}`, { expires_at: null, scopes: 'generate' });
    expect(await standing(key)).toEqual({ status: 403, code: 'forbidden_scope' });
  });

  it('revokes without forgetting', async () => {
    const { id, key } = await create();
    const answer = await send('DELETE', `/v1/keys/${id}`);
    expect([answer.statusCode, answer.json()]).toEqual([200, { revoked: true }]);
    expect(await standing(key)).toEqual({ status: 401, code: 'invalid_api_key' });
    expect(await detail(id)).toMatchObject({ is_active: false });
  });

  it('rotates in place: the old secret ends at once, or after its grace', async () => {
    const { id, key: first, public_id: firstPublicId } = await create({ rpm_limit: 600 });
    const rotated = await send('POST', `/v1/keys/${id}/rotate`);
    expect(rotated.statusCode).toBe(200);
    const second = rotated.json<ApiKeyCreatedResponse>();
    expect(second).toMatchObject({ id, rpm_limit: 600, name: 'a key' });
    expect(second.public_id).not.toBe(firstPublicId);
    expect(await standing(first)).toEqual({ status: 401, code: 'invalid_api_key' });
    expect(await standing(second.key)).toEqual({ status: 200 });

    const third = (await send('POST', `/v1/keys/${id}/rotate`, { grace_seconds: 3600 })).json<ApiKeyCreatedResponse>();
    expect(await standing(second.key)).toEqual({ status: 200 });
    expect(await standing(third.key)).toEqual({ status: 200 });
    await app.get(Database).write((manager) =>
      rows(manager, 'UPDATE api_keys SET previous_expires_at = :past WHERE id = :id RETURNING id', {
        past: app.get(Clock).nowMs() - 1,
        id,
      }),
    );
    app.get(AuthService).forget(id);
    expect(await standing(second.key)).toEqual({ status: 401, code: 'api_key_expired' });
    expect(await standing(third.key)).toEqual({ status: 200 });
    expect((await send('POST', `/v1/keys/${id}/rotate`, { grace_seconds: -1 })).statusCode).toBe(400);
  });

  it('makes no key whose end it cannot read', async () => {
    const count = async (): Promise<number> => (await send('GET', '/v1/keys')).json<{ data: object[] }>().data.length;
    const before = await count();
    for (const expires_at of ['20200101', '2030-W01-1', '2031-02-30', '+275761-01-01T00:00:00Z']) {
      const answer = await send('POST', '/v1/keys', { name: 'x', expires_at });
      expect([answer.statusCode, answer.json()]).toMatchObject([400, { error: { code: 'param_invalid_type', param: 'expires_at' } }]);
    }
    expect(await count()).toBe(before);
  });

  it('ends a key with its secret of before the rotation', async () => {
    const { id, key: first } = await create();
    const second = (await send('POST', `/v1/keys/${id}/rotate`, { grace_seconds: 3600 })).json<ApiKeyCreatedResponse>();
    expect([await standing(first), await standing(second.key)]).toEqual([{ status: 200 }, { status: 200 }]);
    await send('PATCH', `/v1/keys/${id}`, { expires_at: '2020-01-01T00:00:00Z' });
    for (const secret of [first, second.key]) expect(await standing(secret)).toEqual({ status: 401, code: 'api_key_expired' });
  });

  it('takes a time without a zone for UTC, wherever it runs', async () => {
    vi.stubEnv('TZ', 'America/Los_Angeles');
    try {
      const { id, key } = await create();
      const anHourAgo = new Date(Date.now() - 3_600_000).toISOString();
      expect((await send('PATCH', `/v1/keys/${id}`, { expires_at: anHourAgo.slice(0, -1) })).json()).toMatchObject({
        expires_at: anHourAgo,
      });
      expect(await standing(key)).toEqual({ status: 401, code: 'api_key_expired' });
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('lets a key see and use only its models', async () => {
    const { key } = await create({ allowed_models: ['mock/paint', 'mock/*-video'] });
    const models = (await send('GET', '/v1/models', undefined, key)).json<{ data: { id: string }[] }>().data.map(({ id }) => id);
    expect(models).toContain('mock/paint');
    expect(models.length).toBeGreaterThan(2);
    expect(models.filter((id) => id !== 'mock/paint' && !/^mock\/.*-video$/.test(id))).toEqual([]);
    const used = await send('POST', '/v1/images/cost', { model: 'mock/image-gen', prompt: 'x' }, key);
    expect([used.statusCode, used.json<{ error: { code: string } }>().error.code]).toEqual([403, 'model_not_allowed']);
    expect((await send('POST', '/v1/images/cost', { model: 'mock/paint', prompt: 'x' }, key)).statusCode).toBe(200);
    const { key: none } = await create({ allowed_models: [] });
    expect((await send('GET', '/v1/models', undefined, none)).json()).toEqual({ object: 'list', data: [] });
  });

  it('notes the last use', async () => {
    const { id, key } = await create();
    expect(await detail(id)).toMatchObject({ last_used_at: null });
    await standing(key);
    await app.get(AuthService).writeLastUse();
    expect((await detail(id)).last_used_at).toMatch(/^\d{4}-/);
  });

  it('knows no key of another application', async () => {
    const { id } = await create();
    await app.get(Database).write(async (manager) => {
      const now = Date.now();
      await rows(
        manager,
        `INSERT INTO applications (id, org_id, name, slug, created_at, updated_at)
         SELECT :app, org_id, 'Other', :app, :now, :now FROM applications WHERE slug = 'default' RETURNING id`,
        { app: `other-${id}`, now },
      );
      await rows(manager, 'UPDATE api_keys SET app_id = :app WHERE id = :id RETURNING id', { app: `other-${id}`, id });
    });
    for (const [method, path] of [
      ['GET', ''],
      ['PATCH', ''],
      ['DELETE', ''],
      ['POST', '/rotate'],
    ] as const) {
      const answer = await send(method, `/v1/keys/${id}${path}`, method === 'GET' || method === 'DELETE' ? undefined : {});
      expect([method, answer.statusCode, answer.json<{ error: { code: string } }>().error.code]).toEqual([method, 404, 'not_found']);
    }
    const list = (await send('GET', '/v1/keys')).json<{ data: { id: string }[] }>().data;
    expect(list.map((key) => key.id)).not.toContain(id);
  });
});
