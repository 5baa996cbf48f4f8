import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../../../test/support/application.js';
import { generationRow, seed } from '../../../test/support/generations.js';
import { createKey } from '../../../test/support/keys.js';
import { Database } from '../../platform/database/index.js';
import type { ProviderCatalogEntry } from '../providers/dto/provider.dto.js';
import type { ModelInfo, ModelSchema } from './dto/model.dto.js';

const OPERATOR_MODELS = `
aliases: { brush: mock/odd:name-v1.5 }
models:
  - id: mock/odd:name-v1.5
    provider: mock
    media_type: image
    display_name: Odd
    capabilities: { text_to_image: true }
    prompt: { required: true, max_length: 100 }
    params:
      size: { kind: size, mode: enum, values: [[512, 512], [1024, 1024]] }
      steps: { kind: int, min: 1 }
    lifecycle: { released: 2025-01-01, deprecated: 2025-06-01, sunset: 2099-01-01, successor: mock/paint, source: https://mock.test/end }
    pricing: { base_cost_usd: "0.01" }
  - id: mock/gone
    provider: mock
    media_type: image
    display_name: Gone
    capabilities: { text_to_image: true }
    lifecycle: { sunset: 2025-01-01, successor: "mock/odd:name-v1.5" }
    pricing: { base_cost_usd: "0.01" }
`;

describe('the models API', () => {
  const folder = mkdtempSync(join(tmpdir(), 'litegen-models-'));
  let app: NestFastifyApplication;

  beforeAll(async () => {
    mkdirSync(join(folder, 'models'));
    writeFileSync(join(folder, 'models/own.yaml'), OPERATOR_MODELS);
    mkdirSync(join(folder, 'plugins/broken'), { recursive: true });
    writeFileSync(
      join(folder, 'plugins/broken/package.json'),
      JSON.stringify({ name: 'litegen-provider-broken', keywords: ['litegen-plugin'] }),
    );
    ({ app } = await testApplication('sqlite://:memory:', {
      models_directory: join(folder, 'models'),
      plugins: { directories: [join(folder, 'plugins')] },
      providers: { openai: { enabled: false } },
    }));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const get = (url: string) => app.inject({ url });
  const list = async (query = '') => (await get(`/v1/models${query}`)).json<{ object: string; data: ModelInfo[] }>();

  it('lists what can be called now, sorted, in LiteGen’s and OpenAI’s shape', async () => {
    const { object, data } = await list();
    const ids = data.map(({ id }) => id);
    expect(object).toBe('list');
    expect(ids).toEqual(ids.toSorted());
    expect(ids).toEqual(expect.arrayContaining(['mock/paint', 'mock/clip', 'mock/odd:name-v1.5']));
    // Not configured, switched off by the operator, switched off by the vendor.
    expect(ids.filter((id) => /^(fal|openai)\//.test(id) || id === 'mock/gone')).toEqual([]);
    expect(data.find(({ id }) => id === 'mock/odd:name-v1.5')).toEqual({
      id: 'mock/odd:name-v1.5',
      object: 'model',
      created: Date.parse('2025-01-01') / 1000,
      owned_by: 'mock',
      name: 'Odd',
      description: '',
      provider: 'mock',
      media_type: 'image',
      is_available: true,
      aliases: expect.any(Array),
      retired_names: ['mock/gone'],
      operations: ['image.generate'],
      capabilities: {
        supports_text_to_image: true,
        supports_image_to_image: false,
        supports_inpainting: false,
        supported_sizes: ['512x512', '1024x1024'],
        max_images: 1,
        supports_text_to_video: false,
        supports_image_to_video: false,
        supports_first_frame: false,
        supports_last_frame: false,
        max_duration_seconds: null,
        supports_partial_images: false,
      },
      lifecycle: { status: 'deprecated', released: '2025-01-01', deprecated: '2025-06-01', sunset: '2099-01-01', successor: 'mock/paint' },
      pricing: { base_cost_usd: 0.01, variable_pricing: null, components: [], estimates: [], ceiling_usd: null },
      limits: null,
      tags: [],
    });
  });

  it('filters', async () => {
    const videos = (await list('?media_type=video')).data;
    expect(videos.length).toBeGreaterThan(2);
    expect(videos.filter((model) => model.media_type !== 'video')).toEqual([]);
    const edits = (await list('?operation=image.edit&provider=mock')).data;
    expect(edits.length).toBeGreaterThan(0);
    expect(edits.filter((model) => !model.operations.includes('image.edit'))).toEqual([]);
    expect((await list('?provider=fal')).data).toEqual([]);
    const wrong = await get('/v1/models?operation=image.fly');
    expect([wrong.statusCode, wrong.json<{ error: { param: string } }>().error.param]).toEqual([400, 'operation']);
  });

  it.each([
    ['a raw slash', '/v1/models/mock/odd:name-v1.5'],
    ['an encoded slash', '/v1/models/mock%2Fodd:name-v1.5'],
    ['everything encoded', '/v1/models/mock%2Fodd%3Aname-v1%2E5'],
    ['the base path of OpenAI’s SDK', '/openai/v1/models/mock/odd:name-v1.5'],
    ['an alias', '/v1/models/brush'],
    ['a bare name', '/v1/models/odd:name-v1.5'],
  ])('finds a model by %s', async (_name, url) => {
    const answer = await get(url);
    expect(answer.statusCode).toBe(200);
    expect(answer.json<ModelSchema>()).toMatchObject({ id: 'mock/odd:name-v1.5', object: 'model', owned_by: 'mock' });
  });

  it('answers the YAML as JSON, with what is not set as null', async () => {
    expect((await get('/v1/models/mock/odd:name-v1.5')).json()).toMatchObject({
      provider: 'mock',
      media_type: 'image',
      display_name: 'Odd',
      description: '',
      is_available: true,
      pricing: { base_cost_usd: 0.01, variable_pricing: null },
      capabilities: { text_to_image: true, image_to_image: false, inpainting: false, text_to_video: false, image_to_video: false },
      prompt: { required: true, min_length: null, max_length: 100 },
      params: {
        size: {
          kind: 'size',
          mode: 'enum',
          values: [
            [512, 512],
            [1024, 1024],
          ],
        },
        steps: { kind: 'int', min: 1, max: null, default: null },
      },
      ref_inputs: null,
      extra_allowlist: [],
      tags: [],
    });
  });

  it('describes models that cannot be called', async () => {
    const models = await Promise.all(['fal/flux-dev', 'openai/gpt-image-1', 'mock/gone'].map((id) => get(`/v1/models/${id}`)));
    expect(models.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
    expect(models.map((answer) => answer.json<ModelSchema>().is_available)).toEqual([false, false, false]);
  });

  it('tells about the end of a model in headers', async () => {
    const { headers } = await get('/v1/models/mock/odd:name-v1.5');
    expect(headers).toMatchObject({
      deprecation: `@${Date.parse('2025-06-01') / 1000}`,
      sunset: 'Thu, 01 Jan 2099 00:00:00 GMT',
      link: expect.stringContaining('</v1/models/mock/paint>; rel="successor-version"'),
    });
    expect((await get('/v1/models/mock/paint')).headers).not.toHaveProperty('sunset');
  });

  it('does not know other names', async () => {
    for (const url of ['/v1/models/mock/pant', '/v1/models/mock%2Fpant', '/v1/models/a/b/c/d', '/v1/models/%2e%2e%2fkeys']) {
      const answer = await get(url);
      expect([url, answer.statusCode, answer.json<{ error: { code: string } }>().error.code]).toEqual([url, 404, 'model_not_found']);
    }
    expect((await get('/v1/models/mock/pant')).json()).toMatchObject({ error: { accepted: expect.arrayContaining(['mock/paint']) } });
  });

  it('lists providers as a bare array, with what each lacks and the plugins that could not be used', async () => {
    const entries = (await get('/v1/providers')).json<ProviderCatalogEntry[]>();
    const names = entries.map(({ name }) => name);
    expect(names).toEqual(names.toSorted());
    const entry = (name: string) => entries.find((one) => one.name === name);
    expect(entry('mock')).toMatchObject({ modalities: ['image', 'video'], status: 'ready', reason: null, configured: true });
    expect(entry('mock')?.models).toBeGreaterThan(10);
    expect(entry('fal')).toMatchObject({
      auth_scheme: 'api_key',
      pool_field: 'api_keys',
      fields: expect.arrayContaining([{ key: 'api_key', label: 'API key', secret: true, optional: false }]),
      status: 'not_configured',
      reason: 'not set: FAL_KEY',
      missing: ['api_key'],
    });
    expect(entry('openai')).toMatchObject({ status: 'disabled', enabled: false });
    const rejected = entries.find(({ status }) => status === 'rejected');
    expect(rejected).toMatchObject({ modalities: [], fields: [], configured: false, plugin: { package: 'litegen-provider-broken' } });
    expect(rejected?.reason).toMatch(/\S/);
  });
});

describe('a key whose models are limited', () => {
  const master = { authorization: 'Bearer a-master-key-for-limited-models' };
  const folder = mkdtempSync(join(tmpdir(), 'litegen-limited-models-'));
  let app: NestFastifyApplication;
  let headers: { authorization: string };

  beforeAll(async () => {
    writeFileSync(join(folder, 'own.yaml'), OPERATOR_MODELS.replace('brush: mock/odd:name-v1.5', 'house: fal/flux-dev'));
    ({ app } = await testApplication('sqlite://:memory:', {
      master_key: 'a-master-key-for-limited-models',
      models_directory: folder,
      providers: { fal: { api_key: 'k' } },
    }));
    ({ headers } = await createKey(app, master, { scopes: 'generate,read', allowed_models: ['mock/paint', 'fal/flux-schnell'] }));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const get = (url: string, as: { authorization: string } = headers) => app.inject({ url, headers: as });
  const unsaid = (text: string, name: string) => text.replaceAll(name, 'X').replace(/req_\w+/, '');

  it('describes those, and knows no other', async () => {
    expect((await get('/v1/models/mock/paint')).statusCode).toBe(200);
    expect((await get('/v1/models/flux-schnell')).json()).toMatchObject({ id: 'fal/flux-schnell' });
    const never = unsaid((await get('/v1/models/mock%2Fnever-was')).body, 'mock/never-was');
    for (const name of ['openai/gpt-image-1', 'mock/gone', 'mock/odd:name-v1.5', 'house', 'odd:name-v1.5', 'gone']) {
      expect((await get(`/v1/models/${name}`, master)).statusCode, name).toBeOneOf([200, 404]);
      for (const url of [`/v1/models/${name}`, `/v1/models/${encodeURIComponent(name)}`]) {
        const answer = await get(url);
        expect([name, answer.statusCode, answer.json<{ error: { code: string } }>().error.code]).toEqual([name, 404, 'model_not_found']);
        expect(answer.body.replaceAll(name, '')).not.toMatch(/switched off|flux-dev|mock\/odd/);
      }
    }
    const { id } = (await get('/v1/models', master)).json<{ data: ModelInfo[] }>().data.find((model) => model.id === 'mock/image-gen') ?? {
      id: '',
    };
    expect(unsaid((await get(`/v1/models/${encodeURIComponent(id)}`)).body, id)).toBe(never);
  });

  it('is given no other’s name where one is misspelled or means several', async () => {
    for (const name of ['fal/flux-de', 'flux-de', 'hous', 'mock/od:name-v1.5', 'gpt-image-1']) {
      for (const answer of [
        await get(`/v1/models/${name}`),
        await app.inject({ method: 'POST', url: '/v1/images/cost', headers, payload: { model: name, prompt: 'x' } }),
        await app.inject({ method: 'POST', url: '/v1/quote', headers, payload: { models: [name], prompt: 'x' } }),
      ]) {
        const others = answer.body
          .replaceAll(name, '')
          .match(/\b(openai|fal|mock)\/[\w:.-]+|house\b/g)
          ?.filter((id) => !['mock/paint', 'fal/flux-schnell', name].includes(id));
        expect([name, others ?? []]).toEqual([name, []]);
      }
    }
  });

  it('is told that it may not use one that it names, and nothing more of it', async () => {
    for (const name of ['fal/flux-dev', 'mock/gone', 'house']) {
      const answer = await app.inject({ method: 'POST', url: '/v1/images/cost', headers, payload: { model: name, prompt: 'x' } });
      expect([answer.statusCode, answer.json()]).toMatchObject([403, { error: { code: 'model_not_allowed', model: name } }]);
      expect(answer.body).not.toMatch(name === 'house' ? /flux-dev/ : /switched off/);
    }
  });

  it('sees the vendors of those alone', async () => {
    const entries = (await get('/v1/providers')).json<ProviderCatalogEntry[]>();
    expect(entries.map(({ name, models }) => [name, models])).toEqual([
      ['fal', 1],
      ['mock', 1],
    ]);
    expect((await get('/v1/providers', master)).json<ProviderCatalogEntry[]>().length).toBeGreaterThan(2);
    const { headers: none } = await createKey(app, master, { allowed_models: [] });
    expect((await get('/v1/providers', none)).json()).toEqual([]);
  });

  it('reads figures that name no other', async () => {
    const rowsOf = ['mock/paint', 'openai/gpt-image-1'].map((model) => generationRow({ model, provider: model.split('/')[0] }));
    await seed(app.get(Database), { generations: rowsOf });
    const stats = (await get('/v1/stats')).json<{
      models_used: { model: string }[];
      providers_used: { provider: string }[];
      total_requests: number;
    }>();
    expect([
      stats.models_used.map(({ model }) => model),
      stats.providers_used.map(({ provider }) => provider),
      stats.total_requests,
    ]).toEqual([['mock/paint'], ['mock'], 2]);
  });
});

describe('the models that come with the gateway', () => {
  it('were each created on the day of their release, whenever the gateway started', async () => {
    const { app } = await testApplication('sqlite://:memory:', {
      providers: { fal: { api_key: 'k' }, openai: { api_key: 'k' }, 'openai-compatible': { api_base: 'http://127.0.0.1:1/v1' } },
    });
    const { data } = (await app.inject('/v1/models')).json<{ data: ModelInfo[] }>();
    expect(new Set(data.map(({ provider }) => provider))).toEqual(new Set(['fal', 'mock', 'openai', 'openai-compatible']));
    for (const { id, created, lifecycle } of data) {
      expect([id, lifecycle.released]).toEqual([id, expect.stringMatching(/^20\d\d-\d\d-\d\d$/)]);
      expect([id, created]).toEqual([id, Date.parse(`${lifecycle.released}T00:00:00Z`) / 1000]);
      expect([id, created * 1000 < Date.now()]).toEqual([id, true]);
    }
    for (const id of ['openai/dall-e-2', 'fal/veo-3']) {
      const retired = (await app.inject(`/v1/models/${id}`)).json<ModelSchema>();
      expect([id, retired.created > 0]).toEqual([id, true]);
    }
  });
});
