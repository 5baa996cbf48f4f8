import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type OpenAiSimulator, startOpenAiSimulator } from 'litegen-provider-openai/simulator';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestApplication, testApplication } from '../support/application.js';
import { databases } from '../support/databases.js';
import { createKey } from '../support/keys.js';

const MASTER = { authorization: 'Bearer a-master-key-for-retired-models' };

const ORIGIN = 'https://studio.example';

/** A line of retired models, one that ends in a circle, one that ends nowhere, and a clip. */
const OWN_MODELS = `
models:
  - &retired
    id: mock/first
    provider: mock
    media_type: image
    display_name: Retired
    lifecycle: { sunset: 2020-01-01, successor: mock/second }
    pricing: { base_cost_usd: 0 }
    capabilities: { text_to_image: true }
  - { <<: *retired, id: mock/second, lifecycle: { sunset: 2021-01-01, successor: mock/paint } }
  - { <<: *retired, id: mock/round, lifecycle: { sunset: 2020-01-01, successor: mock/about } }
  - { <<: *retired, id: mock/about, lifecycle: { sunset: 2020-01-01, successor: mock/round } }
  - { <<: *retired, id: mock/ended, lifecycle: { sunset: 2020-01-01 } }
  - <<: *retired
    id: mock/old-clip
    media_type: video
    capabilities: { text_to_video: true }
    lifecycle: { sunset: 2020-01-01, successor: mock/clip }
`;

/** What programs send that can set no header, as their own source has it, but for the prompt. */
const PROGRAMS: readonly { readonly program: string; readonly body: Readonly<Record<string, unknown>> }[] = [
  // langchain-community 0.4.2, utilities/dalle_image_generator.py: with its defaults, and as its users set it up.
  { program: 'LangChain’s DallEAPIWrapper', body: { n: 1, size: '1024x1024', model: 'dall-e-2' } },
  { program: 'LangChain’s DallEAPIWrapper for DALL·E 3', body: { n: 1, size: '1024x1024', model: 'dall-e-3', quality: 'standard' } },
  // llama-index-tools-openai-image-generation 0.7.0, base.py
  {
    program: 'LlamaIndex’s OpenAIImageGenerationToolSpec',
    body: { n: 1, model: 'dall-e-3', quality: 'standard', size: '1024x1024', response_format: 'url', style: 'vivid' },
  },
  // n8n-io/n8n, packages/@n8n/nodes-langchain/nodes/vendors/OpenAi/actions/image/generate.operation.ts, with the options at their defaults
  {
    program: 'n8n’s OpenAI node',
    body: { model: 'dall-e-3', response_format: 'b64_json', quality: 'standard', size: '1024x1024', style: 'vivid' },
  },
  {
    program: 'A client that fills in every field of DALL·E 3',
    body: { model: 'dall-e-3', n: 1, size: '1024x1024', quality: 'standard', style: 'vivid' },
  },
];

interface Made {
  readonly model: string;
  readonly requested_model: string;
  readonly receipt: { readonly mapped: readonly object[]; readonly dropped: readonly { readonly param: string }[] };
}

describe.each(databases())('names of models that were switched off, on $name', ({ url }) => {
  const folder = mkdtempSync(join(tmpdir(), 'litegen-retired-'));
  let vendor: OpenAiSimulator;
  let application: TestApplication | undefined;
  let app: NestFastifyApplication;
  let lax: { id: string; headers: { authorization: string } };
  let requests = 0;

  const start = async (settings: object): Promise<void> => {
    await application?.close();
    application = await testApplication(url, {
      master_key: MASTER.authorization.slice('Bearer '.length),
      models_directory: folder,
      cache: { enabled: true },
      cors: { allowed_origins: [ORIGIN] },
      providers: { openai: { api_key: vendor.apiKey, api_base: vendor.apiBase } },
      ...settings,
    });
    app = application.app;
  };

  beforeAll(async () => {
    writeFileSync(join(folder, 'own.yaml'), OWN_MODELS);
    vendor = await startOpenAiSimulator({ keepBodies: true });
    await start({});
    lax = await createKey(app, MASTER, { strict: false });
  });
  afterAll(async () => {
    await application?.close();
    await vendor.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const post = (payload: object, headers: object = lax.headers, path = '/v1/images/generations') =>
    app.inject({ method: 'POST', url: path, headers: { ...headers }, payload: { prompt: `a fox, no. ${requests++}`, ...payload } });
  const get = (path: string, headers: object = MASTER) => app.inject({ url: path, headers: { ...headers } });
  const key = (fields: object) => createKey(app, MASTER, { strict: false, ...fields });
  const sent = () => JSON.parse(vendor.requests.at(-1)?.body.toString() ?? '{}') as Record<string, unknown>;

  describe.each(PROGRAMS)('$program', ({ body }) => {
    it('gets a picture of the successor with a lax key, and is told', async () => {
      const answer = await post(body, { ...lax.headers, origin: ORIGIN });
      expect([answer.statusCode, answer.body.slice(0, 200)]).toEqual([200, expect.any(String)]);
      const successor = 'openai/gpt-image-2';
      expect(answer.headers).toMatchObject({
        'x-litegen-model': successor,
        'x-litegen-successor': successor,
        sunset: 'Tue, 12 May 2026 00:00:00 GMT',
        link: expect.stringContaining('</v1/models/openai/gpt-image-2>; rel="successor-version"'),
      });
      // A page of another origin may read it.
      expect(String(answer.headers['access-control-expose-headers']).split(', ')).toContain('x-litegen-successor');
      expect(sent()).toMatchObject({ model: 'gpt-image-2', size: '1024x1024', ...('quality' in body ? { quality: 'medium' } : {}) });
      expect(Object.keys(sent())).not.toContain('style');
      expect(answer.headers['x-litegen-dropped-params']).toBe('style' in body ? 'style' : undefined);
      const made = (await get(`/v1/generations/${answer.headers['x-litegen-generation-id']}`)).json<Made>();
      expect(made).toMatchObject({ model: successor, requested_model: body['model'] });
      expect(made.receipt.mapped[0]).toEqual({
        param: 'model',
        from: body['model'],
        to: successor,
        reason: `openai/${String(body['model'])} was switched off on 2026-05-12`,
      });
      expect(answer.json<{ receipt: object }>().receipt).toEqual(made.receipt);
    });
  });

  it('strict callers learn of what stands in that refuses their field', async () => {
    const { error } = (await post({ model: 'openai/dall-e-3', style: 'vivid' }, MASTER)).json<{
      error: { message: string; param: string };
    }>();
    expect(error.param).toBe('style');
    expect(error.message).toMatch(
      /^openai\/gpt-image-2 does not take style\..*\(openai\/gpt-image-2 stands in, because openai\/dall-e-3 was switched off/,
    );
  });

  it('cost what the successor costs, of the key’s own quota, and share its results', async () => {
    const { id, headers } = await key({ token_quota: 1 });
    const prompt = { prompt: 'the same fox', size: '1024x1024', quality: 'low' };
    const cached = { ...headers, 'x-litegen-cache-ttl': '60' };
    const retired = await post({ model: 'dall-e-3', ...prompt }, cached);
    const [cost, spent] = [Number(retired.headers['x-litegen-cost']), (await get(`/v1/keys/${id}`)).json<{ tokens_used: number }>()];
    expect([retired.headers['x-litegen-cache'], spent.tokens_used]).toEqual(['miss', cost]);
    const own = await post({ model: 'openai/gpt-image-2', ...prompt }, headers);
    expect(Number(own.headers['x-litegen-cost'])).toBe(cost);
    expect(own.headers['x-litegen-successor']).toBeUndefined();
    const again = await post({ model: 'gpt-image-2', ...prompt }, cached);
    expect(again.headers['x-litegen-cache']).toBe('hit');

    const quote = (await post({ model: 'dall-e-3', ...prompt }, headers, '/v1/quote')).json<{ id: string; model: string }>();
    expect(quote.model).toBe('openai/gpt-image-2');
    const quoted = await post({ model: 'openai/gpt-image-2', ...prompt }, { ...headers, 'x-litegen-quote': quote.id });
    expect(quoted.statusCode).toBe(200);
  });

  it('make the same request when it is sent again', async () => {
    const once = { ...lax.headers, 'idempotency-key': 'one-retired-wish' };
    const body = { model: 'dall-e-3', prompt: 'once', style: 'vivid' };
    const made = vendor.imagesMade();
    const [first, again] = [await post(body, once), await post(body, once)];
    expect([again.statusCode, again.headers['idempotent-replayed']]).toEqual([200, 'true']);
    expect(again.headers['x-litegen-generation-id']).toBe(first.headers['x-litegen-generation-id']);
    expect(vendor.imagesMade()).toBe(made + 1);
    // Another name is another body.
    expect((await post({ ...body, model: 'openai/gpt-image-2' }, once)).statusCode).toBe(422);
  });

  it('are for keys that may use the successor', async () => {
    const { headers: ofSuccessor } = await key({ allowed_models: ['openai/gpt-image-2'] });
    for (const model of ['dall-e-3', 'openai/dall-e-3']) expect((await post({ model }, ofSuccessor)).statusCode).toBe(200);
    expect((await get('/v1/models/dall-e-3', ofSuccessor)).statusCode).toBe(200);
    const { headers: ofRetired } = await key({ allowed_models: ['openai/dall-e-3'] });
    const { headers: ofOthers } = await key({ allowed_models: ['mock/*'] });
    for (const model of ['dall-e-3', 'openai/dall-e-3']) {
      const { error } = (await post({ model }, ofRetired)).json<{ error: { code: string; message: string; accepted?: string[] } }>();
      expect([error.code, error.accepted]).toEqual(['model_sunset', undefined]);
      expect(error.message).toContain('may not use what followed it');
      expect((await post({ model }, ofOthers)).json()).toMatchObject({ error: { status: 403, code: 'model_not_allowed' } });
    }
  });

  it('lead along a line of successors, and are refused where it does not end', async () => {
    const answer = await post({ model: 'first', size: '256x256' });
    expect([answer.statusCode, answer.headers['x-litegen-model'], answer.headers['x-litegen-successor']]).toEqual([
      200,
      'mock/paint',
      'mock/paint',
    ]);
    for (const model of ['mock/round', 'mock/about', 'mock/ended']) {
      expect((await post({ model })).json(), model).toMatchObject({ error: { status: 404, code: 'model_sunset' } });
    }
  });

  it('make videos', async () => {
    await app.listen(0, '127.0.0.1');
    const client = new OpenAI({ baseURL: `${await app.getUrl()}/v1`, apiKey: lax.headers.authorization.slice('Bearer '.length) });
    const { data, response } = await client.videos.create({ model: 'mock/old-clip', prompt: 'a fox' } as never).withResponse();
    expect([data.model, response.headers.get('x-litegen-successor')]).toEqual(['mock/clip', 'mock/clip']);
  });

  it('of another vendor say what to set', async () => {
    for (const [model, means, standIn] of [
      ['sora-2', 'openai/sora-2', 'fal/veo-3.1-fast'],
      ['openai/sora', 'openai/sora-2', 'fal/veo-3.1-fast'],
      ['imagen-4.0-generate-001', 'fal/imagen-4', 'fal/nano-banana-2'],
      ['google/imagen-3', 'fal/imagen-3', 'fal/nano-banana'],
    ]) {
      const path = model?.includes('sora') === true ? '/v1/videos' : '/v1/images/generations';
      const { error } = (await post({ model }, MASTER, path)).json<{ error: { code: string; message: string; provider: string } }>();
      expect([error.code, error.provider]).toEqual(['provider_not_configured', 'fal']);
      expect(error.message).toBe(`The provider fal of the model ${standIn}, which stands in for ${means}, is not configured: set FAL_KEY.`);
    }
  });

  it('stand with their successor in the list, and are described as what they are', async () => {
    interface Listed {
      readonly id: string;
      readonly retired_names: readonly string[];
    }
    const { data } = (await get('/v1/models')).json<{ data: Listed[] }>();
    expect(data.filter(({ id }) => /dall-e|sora|mock\/first/.test(id))).toEqual([]);
    const names = (id: string) => data.find((model) => model.id === id)?.retired_names;
    expect(names('openai/gpt-image-2')).toEqual(expect.arrayContaining(['dall-e-3', 'openai/dall-e-3', 'dall-e-2', 'gpt-image-1']));
    expect(names('mock/paint')).toEqual(['mock/first', 'mock/second']);
    expect(names('mock/clip')).toEqual(['mock/old-clip']);
    for (const name of ['dall-e-3', 'openai/dall-e-3']) {
      const described = await get(`/v1/models/${name}`);
      expect(described.json()).toMatchObject({ id: 'openai/dall-e-3', is_available: false });
      expect(described.headers).toMatchObject({ sunset: 'Tue, 12 May 2026 00:00:00 GMT', 'x-litegen-successor': 'openai/gpt-image-2' });
    }
    expect((await get('/v1/models/mock/first')).headers['x-litegen-successor']).toBe('mock/paint');
  });

  it('are refused with the successor’s name where the operator wants that', async () => {
    await start({ retired_models: 'refuse' });
    for (const model of ['dall-e-3', 'openai/dall-e-3']) {
      const answer = await post({ model });
      expect([answer.statusCode, answer.json()]).toMatchObject([
        404,
        { error: { code: 'model_sunset', param: 'model', accepted: ['openai/gpt-image-2'] } },
      ]);
    }
    expect((await post({ model: 'mock/first' })).json()).toMatchObject({ error: { code: 'model_sunset', accepted: ['mock/paint'] } });
    const { data } = (await get('/v1/models')).json<{ data: { retired_names: string[] }[] }>();
    expect(data.flatMap(({ retired_names: names }) => names)).toEqual([]);
    expect((await get('/v1/models/dall-e-3')).json()).toMatchObject({ id: 'openai/dall-e-3', is_available: false });
  });
});
