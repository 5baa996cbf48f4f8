import { jsonReply, makePng } from '@litegen/plugin-sdk/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { failureOf } from '../support/client.js';
import { databases } from '../support/databases.js';
import { pngBase64, streamReply } from '../support/scripted-simulator.js';
import { PRICE_USD, type ScriptedGateway, startScriptedGateway } from './scripted-gateway.js';

const GENERATIONS = 'POST /v1/images/generations';
const PICTURE = 'openai-compatible/picture';
const GPT = 'openai/gpt-image-1.5';
const PNG = pngBase64();
const FILE = { status: 200, headers: { 'content-type': 'image/png' }, body: Buffer.from(PNG, 'base64') };
const [sqlite, postgres] = databases();

describe('media in a vendor’s answer', () => {
  let scripted: ScriptedGateway;

  beforeAll(async () => {
    scripted = await startScriptedGateway({ databaseUrl: sqlite?.url });
  });
  beforeEach(() => scripted.vendor.reset());
  afterAll(() => scripted?.stop());

  const linked = () => `${scripted.vendor.origin}/files/1.png`;

  it.each<readonly [string, (link: string) => unknown]>([
    ['an empty b64_json beside a url', (url) => ({ data: [{ b64_json: '', url }] })],
    ['a null beside a url', (url) => ({ data: [{ b64_json: null, url }] })],
    ['an empty url beside b64_json', () => ({ data: [{ url: '', b64_json: PNG }] })],
    ['a data URL in upper case', () => ({ data: [{ url: `DATA:image/png;BASE64,${PNG}` }] })],
    ['a data URL under b64_json', () => ({ data: [{ b64_json: `Data:image/png;base64,${PNG}` }] })],
    ['base64 in url', () => ({ data: [{ url: PNG }] })],
    ['a link under b64_json', (url) => ({ data: [{ b64_json: url }] })],
    ['image_url as an object', (url) => ({ data: [{ type: 'image_url', image_url: { url } }] })],
    ['image_url with a data URL', () => ({ data: [{ image_url: { url: `data:image/png;base64,${PNG}` } }] })],
    ['bare links', (url) => ({ data: [url] })],
    ['images instead of data', () => ({ data: [], images: [`data:image/png;base64,${PNG}`] })],
    ['one object', (url) => ({ data: { url } })],
  ])('is found by its value: %s', async (_name, body) => {
    for (const model of [PICTURE, GPT]) {
      scripted.vendor.script({ [GENERATIONS]: jsonReply(200, body(linked())), '/files/1.png': FILE });
      const answer = await scripted.client.image({ model, prompt: 'a boat', response_format: 'b64_json' });
      expect(answer.status, answer.text).toBe(200);
      expect(answer.json<{ data: object[] }>().data).toMatchObject([{ b64_json: PNG, content_type: 'image/png' }]);
    }
  });

  it('is found by its value however large it is', async () => {
    const png = makePng({ bytes: 12 * 1024 * 1024 }).toString('base64');
    for (const body of [{ data: [{ url: png }] }, { images: [`data:image/png;base64,${png}`] }]) {
      scripted.vendor.script({ [GENERATIONS]: jsonReply(200, body) });
      const answer = await scripted.client.image({ model: PICTURE, prompt: 'a boat', response_format: 'url' });
      expect(answer.status, answer.text.slice(0, 500)).toBe(200);
      expect((await scripted.made(answer)).outputs[0]?.bytes).toBe(12 * 1024 * 1024);
    }
  });

  it('is found by its value in a stream', async () => {
    const event = { type: 'image_generation.completed', b64_json: '', url: `DATA:image/png;base64,${PNG}` };
    scripted.vendor.script({ [GENERATIONS]: streamReply([event]) });
    const answer = await scripted.client.image({ model: GPT, prompt: 'a boat', stream: true, partial_images: 1 });
    expect(answer.text).toContain(PNG);
  });

  it.each<readonly [string, object]>([
    ['a data URL in upper case', { images: [{ url: `DATA:image/png;BASE64,${PNG}` }] }],
    ['base64', { images: [{ url: PNG }] }],
    ['an image_url', { images: [{ image_url: { url: `data:image/png;base64,${PNG}` } }] }],
    ['nothing beside a picture', { images: [null, { url: '' }, { url: PNG }] }],
  ])('is found by its value from fal: %s', async (_name, result) => {
    scripted.vendor.script({
      'POST /fal-ai/flux/dev': jsonReply(200, { request_id: 'r1', status: 'IN_QUEUE' }),
      '/fal-ai/flux/requests/r1/status': jsonReply(200, { status: 'COMPLETED' }),
      '/fal-ai/flux/requests/r1': jsonReply(200, result),
    });
    const answer = await scripted.client.image({ model: 'fal/flux-dev', prompt: 'a boat', n: 3, response_format: 'b64_json' });
    expect(answer.status, answer.text).toBe(200);
    expect(answer.json<{ data: object[] }>().data).toMatchObject([{ b64_json: PNG }]);
  });

  it.each<readonly [string, object, string]>([
    ['no entries', { data: [] }, 'provider_invalid_response'],
    ['no data at all', { created: 5 }, 'provider_invalid_response'],
    ['nothing but empty fields', { data: [{ b64_json: '', url: '' }, { image_url: { url: '' } }] }, 'provider_invalid_response'],
    ['a word', { data: [{ url: 'pending' }] }, 'provider_invalid_response'],
    ['an empty field that moderation flagged', { data: [{ url: '', respect_moderation: false }] }, 'moderation_blocked'],
    ['a finish reason', { data: [{ b64_json: null, finish_reason: 'content_filter' }] }, 'moderation_blocked'],
  ])('that is missing is no unknown outcome: %s', async (_name, body, code) => {
    for (const model of [PICTURE, GPT]) {
      scripted.vendor.reset();
      scripted.vendor.script({ [GENERATIONS]: jsonReply(200, body) });
      const answer = await scripted.client.image({ model, prompt: 'a boat' });
      expect(failureOf(answer), `${model} ${answer.text}`).toMatchObject({ code });
      expect((await scripted.made(answer)).attempts).toMatchObject([{ state: 'failed' }]);
      expect(scripted.vendor.requests).toHaveLength(1);
    }
  });
});

describe.each([sqlite, postgres].flatMap((database) => database ?? []))('what a vendor counted, on $name', ({ url }) => {
  let scripted: ScriptedGateway;

  beforeAll(async () => {
    scripted = await startScriptedGateway({ databaseUrl: url });
  });
  afterAll(() => scripted?.stop());

  const DETAILED = {
    input_tokens: 357,
    input_tokens_details: { text_tokens: 34, image_tokens: 323 },
    output_tokens: 6543,
    output_tokens_details: { text_tokens: 335, image_tokens: 6208 },
    total_tokens: 6900,
  };
  const CHAT = {
    prompt_tokens: 357,
    prompt_tokens_details: { image_tokens: 323 },
    completion_tokens: 6543,
    completion_tokens_details: { image_tokens: 6208 },
  };
  const COUNTS = { input_text_tokens: 34, input_image_tokens: 323, output_text_tokens: 335, output_image_tokens: 6208 };

  it.each<readonly [string, object, number, string, object | null]>([
    ['both sides told apart', { usage: DETAILED }, 0.20476, 'usage', COUNTS],
    ['chat-style names', { usage: CHAT }, 0.20476, 'usage', COUNTS],
    [
      'cached tokens',
      { usage: { ...DETAILED, input_tokens_details: { text_tokens: 34, image_tokens: 323, cached_tokens: 34 } } },
      // 34 x $1.25 instead of 34 x $5.
      0.204633,
      'usage',
      { ...COUNTS, input_text_tokens: 0, cached_input_text_tokens: 34 },
    ],
    ['a price', { usage: { ...DETAILED, cost: 0.123 } }, 0.123, 'vendor_reported', COUNTS],
    ['output alone: input is as estimated', { usage: { output_tokens: 1000 } }, 0.0325, 'usage', { output_image_tokens: 1000 }],
    ['zeros', { usage: { input_tokens: 0, output_tokens: 0, cost: 0 } }, 0.0325, 'catalog', null],
    ['nothing', {}, 0.0325, 'catalog', null],
  ])('is what is settled: %s', async (_name, body, costUsd, source, usage) => {
    scripted.vendor.script({ [GENERATIONS]: jsonReply(200, { data: [{ b64_json: PNG }], ...body }) });
    const answer = await scripted.client.image({ model: 'openai-compatible/counted', prompt: 'a boat' });
    expect(answer.status, answer.text).toBe(200);
    const generation = await scripted.made(answer);
    expect(generation.cost_usd).toBeCloseTo(costUsd, 6);
    expect(generation.cost_source).toBe(source);
    expect(generation.usage).toEqual(usage);
  });

  it('is what is settled from OpenAI too', async () => {
    scripted.vendor.script({ [GENERATIONS]: jsonReply(200, { data: [{ b64_json: PNG }], usage: DETAILED }) });
    const generation = await scripted.made(await scripted.client.image({ model: GPT, prompt: 'a boat' }));
    expect(generation).toMatchObject({ cost_usd: 0.20476, cost_source: 'usage' });
    expect(generation.usage).toEqual(COUNTS);
  });

  it('is what is settled for a video', async () => {
    const job = { id: 'v1', status: 'completed', url: `${scripted.vendor.origin}/files/1.mp4`, usage: { cost: 0.66 } };
    scripted.vendor.script({
      'POST /v1/videos': jsonReply(200, { id: 'v1', status: 'queued' }),
      'GET /v1/videos/v1': jsonReply(200, job),
      '/files/1.mp4': {
        status: 200,
        headers: { 'content-type': 'video/mp4' },
        body: (await import('@litegen/plugin-sdk/testing')).makeMp4(4096),
      },
    });
    const answer = await scripted.client.video({ model: 'openai-compatible/film', prompt: 'a boat' });
    expect(await scripted.made(answer)).toMatchObject({ status: 'completed', cost_usd: 0.66, cost_source: 'vendor_reported' });
    expect(PRICE_USD).not.toBe(0.66);
  });
});
