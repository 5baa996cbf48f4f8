import { AzureOpenAI, toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestApplication, testApplication } from '../../../test/support/application.js';
import { sqliteDatabase } from '../../../test/support/databases.js';

const MASTER = 'a-master-key-for-azure';

describe('Azure’s client', () => {
  const { url } = sqliteDatabase();
  let application: TestApplication;
  let endpoint: string;

  beforeAll(async () => {
    application = await testApplication(url, { master_key: MASTER });
    await application.app.listen(0, '127.0.0.1');
    endpoint = await application.app.getUrl();
  });
  afterAll(() => application.close());

  const client = (more: object = {}) => new AzureOpenAI({ endpoint, apiKey: MASTER, apiVersion: '2025-04-01-preview', ...more });
  const request = { model: 'mock/paint', prompt: 'a red fox', size: '256x256' } as const;
  const post = (path: string, payload: object, headers: Record<string, string> = { 'api-key': MASTER }) =>
    application.app.inject({ method: 'POST', url: path, payload, headers });

  it('generates, and edits with a form', async () => {
    const { data } = await client().images.generate(request);
    const bytes = Buffer.from(data?.[0]?.b64_json ?? '', 'base64');
    expect(bytes.length).toBeGreaterThan(100);
    const image = await toFile(bytes, 'fox.png', { type: 'image/png' });
    const edited = await client().images.edit({ ...request, image });
    expect(edited.data).toHaveLength(1);
  });

  it('means the deployment of the path, whatever the body names', async () => {
    const { data } = await client({ deployment: 'mock/paint' }).images.generate({ ...request, model: 'gpt-image-1' });
    expect(data).toHaveLength(1);
    for (const name of ['mock/paint', 'mock%2Fpaint', 'paint']) {
      const answer = await post(`/openai/deployments/${name}/images/generations?api-version=2024-02-01`, {
        prompt: 'a fox',
        size: '256x256',
      });
      expect([answer.statusCode, answer.json()]).toMatchObject([200, { model: 'mock/paint' }]);
    }
    const unknown = await post('/openai/deployments/nothing/images/generations', { prompt: 'a fox' });
    expect([unknown.statusCode, unknown.json()]).toMatchObject([404, { error: { code: 'model_not_found' } }]);
  });

  it('finds the routes without a deployment', async () => {
    for (const path of ['/openai/models', '/openai/v1/models', '/openai/v1/models?api-version=preview']) {
      const answer = await application.app.inject({ url: path, headers: { 'api-key': MASTER } });
      expect(answer.statusCode, path).toBe(200);
    }
  });

  it('is refused without a key that is known', async () => {
    const path = '/openai/deployments/mock/paint/images/generations';
    expect((await post(path, request, { 'api-key': 'sk_live_unknown' })).statusCode).toBe(401);
    expect((await post(path, request, {})).statusCode).toBe(401);
    expect((await post(path, request, { authorization: 'Bearer wrong', 'api-key': MASTER })).statusCode).toBe(401);
  });
});
