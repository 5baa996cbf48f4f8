import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../support/application.js';
import { type Answer, Client, failureOf } from '../support/client.js';
import { sqliteDatabase } from '../support/databases.js';
import { BODY_LIMIT_BYTES, CASES, type Expected, fields, ROUTES } from './bad-input.cases.js';

/** Two models that were switched off. */
const RETIRED = ['image', 'video']
  .map(
    (kind) => `  - id: mock/retired-${kind}
    provider: mock
    media_type: ${kind}
    display_name: Retired
    lifecycle: { sunset: 2020-01-01, successor: mock/${kind === 'image' ? 'paint' : 'clip'}, source: "https://example.com", checked: 2020-01-01 }
    pricing: { base_cost_usd: 0 }
    capabilities: { text_to_${kind}: true }
    prompt: { required: true }
`,
  )
  .join('');

describe('bad input', () => {
  const { url: databaseUrl } = sqliteDatabase();
  const { url: guardedDatabaseUrl } = sqliteDatabase();
  const models = mkdtempSync(join(tmpdir(), 'litegen-models-'));
  let client: Client;

  beforeAll(async () => {
    writeFileSync(join(models, 'retired.yaml'), `models:\n${RETIRED}`);
    const { app } = await testApplication(databaseUrl, {
      models_directory: models,
      retired_models: 'refuse',
      server: { body_limit_bytes: BODY_LIMIT_BYTES },
    });
    await app.listen(0, '127.0.0.1');
    client = new Client(await app.getUrl());
  });
  afterAll(() => rmSync(models, { recursive: true, force: true }));

  function expectFailure(answer: Answer, expected: Expected): void {
    const failure = failureOf(answer);
    expect(failure).toMatchObject(expected);
    expect(answer.headers.get('x-should-retry')).toBe('false');
    expect(failure.message).not.toMatch(/undefined|\[object|node_modules|\bat .*:\d+/);
  }

  describe.each(ROUTES)('at the route of %s', (_name, route) => {
    it('is the only thing wrong in these requests', async () => {
      const answer = await client.send(route.path, { body: fields(route) });
      expect(answer.status, answer.text).toBeLessThan(300);
    });

    it.each(CASES.map((one) => [one.name, one] as const))('names %s', async (_case, { send, expected }) => {
      const before = (await client.generations()).length;
      const { path = route.path, ...options } = send(route);
      expectFailure(await client.send(path, options), expected(route));
      expect(await client.generations()).toHaveLength(before);
    });

    it('keeps the caller’s request id, unless it is none', async () => {
      const kept = await client.send(route.path, { method: 'POST', headers: { 'x-request-id': 'my-request-0123' } });
      expect(failureOf(kept).request_id).toBe('my-request-0123');
      const replaced = await client.send(route.path, { method: 'POST', headers: { 'x-request-id': 'a b' } });
      expect(failureOf(replaced).request_id).toMatch(/^req_[0-9a-f]{24}$/);
    });
  });

  it.each([
    ['page=first', 'page'],
    ['per_page=1.5', 'per_page'],
    ['status=nearly', 'status'],
    ['media_type=sculpture', 'media_type'],
    ['operation=image.forget', 'operation'],
    ['colour=red', 'colour'],
  ])('names what is wrong in the query of a list: %s', async (query, param) => {
    const failure = failureOf(await client.send(`/v1/generations?${query}`));
    expect(failure).toMatchObject({ status: 400, param, code: expect.stringMatching(/^(param_|invalid_query)/) });
  });

  it.each([
    ['GET', '/v1/generations/litegen-img-0'],
    ['PATCH', '/v1/generations/litegen-img-0'],
    ['GET', '/v1/videos/litegen-vid-0'],
    ['GET', '/v1/videos/litegen-vid-0/content'],
    ['DELETE', '/v1/videos/litegen-vid-0'],
    ['GET', '/v1/models/mock/nothing'],
    ['GET', '/v1/keys/nothing'],
  ])('says that there is no such thing: %s %s', async (method, path) => {
    const answer = await client.send(path, { method, ...(method === 'PATCH' ? { body: { status: 'cancelled' } } : {}) });
    expect(failureOf(answer)).toMatchObject({ status: 404, code: expect.stringMatching(/^(model_)?not_found$/) });
  });

  it('says who may come in', async () => {
    const settings = { master_key: 'the-master-key-of-this-test' };
    const { app } = await testApplication(guardedDatabaseUrl, settings);
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    const none = await new Client(url).image({ model: 'mock/paint', prompt: 'x' });
    expectFailure(none, { status: 401, code: 'authentication_required', type: 'authentication_error', param: null });
    expect(none.headers.get('www-authenticate')).toMatch(/^Bearer/);
    const wrong = await new Client(url, 'sk_live_wrong').image({ model: 'mock/paint', prompt: 'x' });
    expectFailure(wrong, { status: 401, code: 'invalid_api_key', type: 'authentication_error', param: null });
    const master = new Client(url, settings.master_key);
    const { key } = await master.read<{ key: string }>('/v1/keys', { body: { name: 'reader', scopes: 'read' } });
    const reader = await new Client(url, key).image({ model: 'mock/paint', prompt: 'x' });
    expectFailure(reader, { status: 403, code: 'forbidden_scope', type: 'forbidden_scope', param: null });
  });
});
