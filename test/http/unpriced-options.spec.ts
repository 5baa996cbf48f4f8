import { jsonReply, makePng } from '@litegen/plugin-sdk/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, failureOf } from '../support/client.js';
import { databases } from '../support/databases.js';
import { pngBase64 } from '../support/scripted-simulator.js';
import { type GenerationDetail, reasonsFor, type ScriptedGateway, startScriptedGateway } from './scripted-gateway.js';

const RECRAFT = 'fal/recraft-v3';
const PICTURE = 'openai-compatible/picture';
const OPEN = 'openai-compatible/open';

/** The operator lets callers of one model send what the YAML does not know. */
const MODELS = `
  - id: openai-compatible/open
    provider: openai-compatible
    media_type: image
    display_name: Open
    pricing:
      components:
        - { unit: image, usd: "0.08", when: { quality: high } }
        - { unit: image, usd: "0.04" }
    capabilities: { text_to_image: true }
    prompt: { required: true }
    params: { n: { kind: int, min: 1, max: 4 }, quality: { kind: string, enum_values: [low, high] }, steps: { kind: int, min: 1, max: 50 } }
    extra_allowlist: [lora]
    extra_passthrough: true
`;

describe.each(databases())('vendor options, on $name', ({ url }) => {
  let scripted: ScriptedGateway;

  beforeAll(async () => {
    scripted = await startScriptedGateway({ databaseUrl: url, models: MODELS });
  });
  beforeEach(() => {
    scripted.vendor.reset();
    scripted.vendor.script({
      'POST /v1/images/generations': jsonReply(200, { data: [{ b64_json: pngBase64() }] }),
      'POST /fal-ai/recraft/v3/text-to-image': jsonReply(200, { request_id: 'r1', status: 'IN_QUEUE' }),
      '/fal-ai/recraft/requests/r1/status': jsonReply(200, { status: 'COMPLETED' }),
      '/fal-ai/recraft/requests/r1': jsonReply(200, { images: [{ url: `${scripted.vendor.origin}/1.png` }] }),
      '/1.png': { status: 200, body: makePng() },
    });
  });
  afterAll(() => scripted?.stop());

  /** What was sent, and what became of it. */
  async function made(fields: object): Promise<{ answer: Answer; generation: GenerationDetail; sent: unknown }> {
    const answer = await scripted.client.image({ prompt: 'a boat', ...fields });
    expect(answer.status, answer.text).toBe(200);
    return { answer, generation: await scripted.made(answer), sent: scripted.vendor.requests[0]?.json() };
  }

  it('never carry a parameter past its price: it is priced as what is sent', async () => {
    const { generation, sent } = await made({ model: RECRAFT, strict: false, extra: { style: 'vector_illustration' } });
    expect(sent).toMatchObject({ style: 'vector_illustration' });
    expect(generation).toMatchObject({ cost_usd: 0.08, hold: { amount_usd: 0.08, state: 'settled' } });
    expect(generation.request).toMatchObject({ params: { style: 'vector_illustration' }, extra: {} });
    expect(generation.receipt['applied']).toContain('extra.style');
  });

  it('are quoted as they are charged', async () => {
    const fields = { model: RECRAFT, prompt: 'a boat', strict: false, extra: { style: 'vector_illustration' } };
    const quote = await scripted.client.read<{ cost_usd?: number; total_usd?: number }>('/v1/images/cost', { body: fields });
    expect(JSON.stringify(quote)).toContain('0.08');
  });

  it('are refused in strict mode with the place where they belong', async () => {
    const answer = await scripted.client.image({ model: RECRAFT, prompt: 'a boat', extra: { style: 'vector_illustration' } });
    expect(failureOf(answer)).toMatchObject({
      code: 'extra_key_unsupported',
      param: 'extra.style',
      message: expect.stringContaining('sent as style'),
    });
    expect(scripted.vendor.requests).toHaveLength(0);
  });

  it.each<readonly [string, object]>([
    ['fal/nano-banana-2', { enable_web_search: true, thinking_level: 'high' }],
    [PICTURE, { quality: 'high', num_images: 4, size: '4096x4096', num_inference_steps: 500 }],
    ['openai/gpt-image-1.5', { style: 'vivid', web_search: true }],
  ])('that nobody priced are not sent, and the receipt says so: %s', async (model, extra) => {
    scripted.vendor.script({
      'POST /v1/images/generations': jsonReply(200, { data: [{ b64_json: pngBase64() }] }),
      'POST /fal-ai/nano-banana-2': jsonReply(200, { images: [] }),
    });
    const answer = await scripted.client.image({ model, prompt: 'a boat', strict: false, extra });
    const sent = scripted.vendor.requests[0]?.json() as object;
    expect(Object.keys(sent)).not.toEqual(expect.arrayContaining([expect.stringMatching(new RegExp(Object.keys(extra).join('|')))]));
    const generation = await scripted.made(answer);
    for (const name of Object.keys(extra)) expect(reasonsFor(generation, `extra.${name}`), name).toHaveLength(1);
    expect(generation.receipt['unverified']).toEqual([]);
    if (answer.status === 200) expect(answer.headers.get('x-litegen-dropped-params')).toContain(`extra.${Object.keys(extra)[0]}`);
  });

  it('that nobody knows are sent where the operator allows it, for that model', async () => {
    const { generation, sent } = await made({ model: OPEN, strict: false, extra: { scheduler: 'euler', lora: 'x' } });
    expect(sent).toMatchObject({ scheduler: 'euler', lora: 'x' });
    expect(generation.receipt['unverified']).toMatchObject([{ param: 'extra.scheduler' }]);
    expect(generation.cost_usd).toBe(0.04);
  });

  it('are no way around a price even where the operator allows unknown ones', async () => {
    const extra = { quality: 'high', num_images: 4, num_inference_steps: 40, prompt: 'another', n: 3 };
    const { generation, sent } = await made({ model: OPEN, strict: false, extra });
    expect(sent).toMatchObject({ quality: 'high', n: 3, prompt: 'a boat' });
    expect(sent).not.toHaveProperty('num_images');
    expect(sent).not.toHaveProperty('num_inference_steps');
    // One of three came.
    expect(generation).toMatchObject({ cost_usd: 0.08, hold: { amount_usd: 0.24 } });
    for (const name of ['num_images', 'num_inference_steps', 'prompt']) expect(reasonsFor(generation, `extra.${name}`)).not.toEqual([]);
  });
});
