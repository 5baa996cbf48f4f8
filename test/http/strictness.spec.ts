import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_TENANT } from '../../src/domain/access/index.js';
import { Database, insertRows, rows } from '../../src/platform/database/index.js';
import { type TestApplication, testApplication } from '../support/application.js';
import { databases } from '../support/databases.js';
import { createKey } from '../support/keys.js';

const MASTER = { authorization: 'Bearer a-master-key-for-strictness' };
const NOBODY = '11111111-1111-4111-8111-111111111111';

const CONFIGURATIONS: readonly { readonly name: string; readonly file?: boolean; readonly application?: boolean }[] = [
  { name: 'nothing is configured' },
  { name: 'the file says lax', file: false },
  { name: 'the file says lax and the application strict', file: false, application: true },
  { name: 'the application says lax', application: false },
];

/** Undefined: it does not say. */
const SAID = [undefined, true, false] as const;

describe.each(databases())('what a model does not take, on $name', ({ url }) => {
  let application: TestApplication | undefined;
  let app: NestFastifyApplication;
  let requests = 0;

  const start = async (settings: object): Promise<void> => {
    await application?.close();
    application = await testApplication(url, { master_key: MASTER.authorization.slice('Bearer '.length), ...settings });
    app = application.app;
  };
  beforeAll(() => start({}));
  afterAll(() => application?.close());

  /** As wrappers send it that cannot leave a field out. */
  const body = (more: object = {}) => ({
    model: 'mock/paint',
    prompt: `a fox, no. ${requests++}`,
    n: 1,
    size: '256x256',
    style: 'vivid',
    ...more,
  });
  const post = (headers: object, payload: object, path = '/v1/images/generations') =>
    app.inject({ method: 'POST', url: path, headers: { ...headers }, payload });

  /** Whether the field was dropped rather than the request refused. */
  async function isLax(headers: object, payload = body(), path?: string): Promise<boolean> {
    const answer = await post(headers, payload, path);
    if (answer.statusCode === 400) {
      expect(answer.json()).toMatchObject({ error: { code: 'param_unsupported', param: 'style' } });
      return false;
    }
    expect([answer.statusCode, answer.headers['x-litegen-dropped-params']]).toEqual([200, 'style']);
    return true;
  }

  it.each(CONFIGURATIONS)(
    'is as the first says of body, header, key, application and file, where $name',
    async ({ file, application: own }) => {
      await start({
        ...(file === undefined ? {} : { strict: file }),
        ...(own === undefined ? {} : { applications: { [DEFAULT_TENANT.appId]: { strict: own } } }),
      });
      for (const ofKey of SAID) {
        const { headers } = await createKey(app, MASTER, ofKey === undefined ? {} : { strict: ofKey });
        for (const ofHeader of SAID) {
          for (const ofBody of SAID) {
            const said = { ...headers, ...(ofHeader === undefined ? {} : { 'x-litegen-strict': String(ofHeader) }) };
            const strict = ofBody ?? ofHeader ?? ofKey ?? own ?? file ?? true;
            expect(
              await isLax(said, body(ofBody === undefined ? {} : { strict: ofBody })),
              JSON.stringify({ ofBody, ofHeader, ofKey }),
            ).toBe(!strict);
          }
        }
      }
      expect(await isLax(MASTER)).toBe(!(own ?? file ?? true));
    },
  );

  it('goes by the key at every route that takes a request', async () => {
    await start({});
    const { headers } = await createKey(app, MASTER, { strict: false, scopes: 'generate,read' });
    expect(await isLax(headers, body(), '/openai/deployments/mock/paint/images/generations')).toBe(true);
    expect((await post(headers, body(), '/v1/quote')).statusCode).toBe(200);
    expect((await post(headers, body(), '/v1/images/cost')).statusCode).toBe(200);
    const clip = { model: 'mock/clip', prompt: 'a fox runs', style: 'vivid' };
    expect((await post(headers, clip, '/v1/videos')).headers['x-litegen-dropped-params']).toBe('style');
    expect((await post(MASTER, clip, '/v1/videos')).statusCode).toBe(400);
    const form = new FormData();
    for (const [name, value] of Object.entries(body())) form.set(name, String(value));
    const encoded = new Response(form);
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/images/generations',
      headers: { ...headers, 'content-type': encoded.headers.get('content-type') ?? '' },
      payload: Buffer.from(await encoded.arrayBuffer()),
    });
    expect([answer.statusCode, answer.headers['x-litegen-dropped-params']]).toEqual([200, 'style']);
  });

  it('is shown and changed with the key, and lasts', async () => {
    const { id, headers } = await createKey(app, MASTER, { strict: false });
    const patch = (payload: object) => app.inject({ method: 'PATCH', url: `/v1/keys/${id}`, headers: MASTER, payload });
    expect((await patch({ name: 'renamed' })).json()).toMatchObject({ strict: false });
    await start({});
    expect(await isLax(headers)).toBe(true);
    expect((await patch({ strict: true })).json()).toMatchObject({ strict: true });
    expect(await isLax(headers)).toBe(false);
    expect((await patch({ strict: null })).json()).toMatchObject({ strict: null });
    expect(await isLax(headers)).toBe(false);
    const refused = await patch({ strict: 'lax' });
    expect([refused.statusCode, refused.json()]).toMatchObject([400, { error: { param: 'strict' } }]);
  });

  it('does not make another request of the same body', async () => {
    const { id, headers } = await createKey(app, MASTER, {});
    const once = { ...headers, 'idempotency-key': 'one-wish' };
    const payload = body({ style: undefined });
    const first = await post(once, payload);
    expect(first.statusCode).toBe(200);
    await app.inject({ method: 'PATCH', url: `/v1/keys/${id}`, headers: MASTER, payload: { strict: false } });
    const again = await post(once, payload);
    expect([again.statusCode, again.headers['idempotent-replayed']]).toEqual([200, 'true']);
    expect(again.headers['x-litegen-generation-id']).toBe(first.headers['x-litegen-generation-id']);
    expect((await post(once, { ...payload, strict: true })).statusCode).toBe(422);
  });

  it('is as the application of the key has it, not as another', async () => {
    const other = '22222222-2222-4222-8222-222222222222';
    await start({ applications: { [other]: { strict: false } } });
    const { manager } = app.get(Database);
    await insertRows(manager, 'applications', [
      { id: other, org_id: DEFAULT_TENANT.orgId, name: 'Other', slug: 'other', created_at: 1, updated_at: 1 },
    ]);
    const [own, others] = [await createKey(app, MASTER, {}), await createKey(app, MASTER, {})];
    await rows(manager, 'UPDATE api_keys SET app_id = :other WHERE id = :id RETURNING id', { other, id: others.id });
    const cost = async (headers: object) => (await post(headers, body(), '/v1/images/cost')).statusCode;
    expect([await cost(own.headers), await cost(others.headers)]).toEqual([400, 200]);
  });

  it('tells of an application that there is not', async () => {
    await start({ applications: { [NOBODY]: { strict: false }, [DEFAULT_TENANT.appId]: {} } });
    const told = application?.lines.filter((line) => line.includes('there is no application'));
    expect(told).toEqual([expect.stringContaining(`applications.${NOBODY}:`)]);
  });
});
