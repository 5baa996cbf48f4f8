import { jsonReply, type SimulatorReply } from '@litegen/plugin-sdk/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, failureOf } from '../support/client.js';
import { databases } from '../support/databases.js';
import { pngBase64, streamReply, textReply } from '../support/scripted-simulator.js';
import { type GenerationDetail, PRICE_USD, reasonsFor, type ScriptedGateway, startScriptedGateway } from './scripted-gateway.js';

const GENERATIONS = 'POST /v1/images/generations';
const PICTURE = 'openai-compatible/picture';
const GPT = 'openai/gpt-image-1.5';
const REFUSED = 'Your request was rejected as a result of the safety system';
const good = (number = 1) => ({ b64_json: pngBase64(number) });

describe.each(databases())('what a vendor answers, on $name', ({ url }) => {
  let scripted: ScriptedGateway;

  beforeAll(async () => {
    scripted = await startScriptedGateway({ databaseUrl: url });
  });
  beforeEach(() => scripted.vendor.reset());
  afterAll(() => scripted?.stop());

  async function image(reply: SimulatorReply, fields: object = {}): Promise<{ answer: Answer; generation: GenerationDetail }> {
    scripted.vendor.script({ [GENERATIONS]: reply });
    const answer = await scripted.client.image({ model: PICTURE, prompt: 'a boat', ...fields });
    return { answer, generation: await scripted.made(answer) };
  }

  describe('partly good', () => {
    const BAD: readonly (readonly [name: string, item: unknown, reason: RegExp])[] = [
      ['null', null, /no media/],
      ['an empty object', {}, /no media/],
      ['empty fields', { b64_json: '', url: null }, /no media/],
      ['an error', { error: { code: 'InternalServiceError', message: 'a GPU was lost' } }, /a GPU was lost/],
      ['a refusal', { error: { code: 'content_policy_violation', message: 'not this one' } }, /not this one/],
      ['base64 that is broken', { b64_json: pngBase64().slice(0, 81) }, /base64/],
      ['a flag', { url: '', nsfw: true }, /filter/],
    ];

    it.each(BAD)('delivers and charges the pictures beside %s, and names the reason', async (_name, bad, reason) => {
      for (const model of [PICTURE, GPT]) {
        const reply = jsonReply(200, { created: 1, data: [good(1), bad, good(2)] });
        const { answer, generation } = await image(reply, { model, n: 3, response_format: 'b64_json' });
        expect(answer.status, answer.text).toBe(200);
        const { data } = answer.json<{ data: { b64_json: string }[] }>();
        expect(data.map(({ b64_json }) => b64_json)).toEqual([pngBase64(1), pngBase64(2)]);
        expect(reasonsFor(generation, 'n').join(' ')).toMatch(reason);
        expect(generation).toMatchObject({ status: 'completed', hold: { state: 'settled' }, attempts: [{ state: 'succeeded' }] });
        if (model === PICTURE) expect(generation.cost_usd).toBeCloseTo(2 * PRICE_USD, 6);
        expect(generation.attempts[0]).toMatchObject({
          warnings: [{ param: 'n', action: 'dropped', message: expect.stringMatching(reason) }],
        });
      }
    });

    it('charges what was refused where the vendor’s rules say that it bills for it', async () => {
      const refused = { error: { code: 'content_policy_violation', message: 'not this one' } };
      const reply = jsonReply(200, { data: [good(), refused, null] });
      const { generation } = await image(reply, { model: 'openai-compatible/strict-bill', n: 3 });
      expect(generation.cost_usd).toBeCloseTo(2 * PRICE_USD, 6);
    });

    it('says so when fewer came than were asked for and nobody says why', async () => {
      const { generation } = await image(jsonReply(200, { data: [good()] }), { n: 2 });
      expect(generation.cost_usd).toBe(PRICE_USD);
      expect(reasonsFor(generation, 'n').join(' ')).toContain('1 of 2');
    });

    it('fails with the reason when every picture was refused', async () => {
      const refused = { error: { code: 'content_policy_violation', message: 'none of these' } };
      const { answer, generation } = await image(jsonReply(200, { data: [refused, refused] }), {
        n: 2,
        model: 'openai-compatible/strict-bill',
      });
      expect(failureOf(answer)).toMatchObject({
        status: 400,
        code: 'moderation_blocked',
        message: expect.stringContaining('none of these'),
      });
      expect(generation).toMatchObject({ cost_usd: 2 * PRICE_USD, hold: { state: 'settled' } });
      expect(scripted.vendor.requests).toHaveLength(1);
    });

    const completed = (number: number) => ({
      type: 'image_generation.completed',
      b64_json: pngBase64(number),
      usage: { input_tokens: 4, output_tokens: 50 },
    });
    const partial = { type: 'image_generation.partial_image', b64_json: pngBase64(), partial_image_index: 0 };

    it.each<readonly [string, object[], RegExp]>([
      [
        'an error event',
        [completed(1), { type: 'error', error: { code: 'server_error', message: 'lost a picture' } }, completed(2)],
        /lost a picture/,
      ],
      ['an event without its picture', [completed(1), { type: 'image_generation.completed', b64_json: '' }, completed(2)], /no media/],
      [
        'an entry that failed',
        [completed(1), { type: 'image_generation.partial_failed', error: { message: 'too hot' } }, completed(2)],
        /too hot/,
      ],
      ['the early end of the stream', [completed(1), completed(2)], /2 of 3/],
    ])('delivers the pictures of a stream beside %s', async (_name, events, reason) => {
      const fields = { model: GPT, n: 3, stream: true, partial_images: 1 };
      scripted.vendor.script({ [GENERATIONS]: streamReply([partial, ...events]) });
      const answer = await scripted.client.image({ prompt: 'a boat', ...fields });
      expect(answer.status, answer.text).toBe(200);
      expect(answer.text.match(/^event: image_generation\.completed$/gm)).toHaveLength(2);
      const generation = (await scripted.client.latest().then(({ id }) => scripted.client.generation(id))) as GenerationDetail;
      expect(reasonsFor(generation, 'n').join(' ')).toMatch(reason);
      // 8 × $5 and 100 × $32 per million.
      expect(generation).toMatchObject({ status: 'completed', cost_usd: 0.00324, outputs: [{}, {}] });
    });

    it('delivers what was finished when the stream breaks off', async () => {
      const events = [completed(1), completed(2)];
      const whole = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
      scripted.vendor.script({ [GENERATIONS]: streamReply(events) });
      scripted.vendor.inject({ kind: 'truncate', afterBytes: whole.length - 20 });
      await scripted.client.image({ model: GPT, prompt: 'a boat', n: 2, stream: true, partial_images: 1 });
      const generation = await scripted.client.latest();
      expect(generation).toMatchObject({ status: 'completed', outputs: [{}] });
    });

    it('bounds what a plugin returns by what was asked for', async () => {
      const data = Array.from({ length: 5_000 }, () => ({ url: '/files/1.png' }));
      scripted.vendor.script({
        [GENERATIONS]: jsonReply(200, { data }),
        '/files/1.png': { status: 200, body: Buffer.from(pngBase64(), 'base64') },
      });
      const answer = await scripted.client.image({ model: PICTURE, prompt: 'a boat' });
      const generation = await scripted.made(answer);
      expect(generation).toMatchObject({ cost_usd: PRICE_USD, outputs: [{}] });
      expect(reasonsFor(generation, 'n').join(' ')).toContain('5000');
      expect(scripted.vendor.count('/files/1.png')).toBe(1);
    });
  });

  describe('an error under HTTP 200', () => {
    it.each<readonly [string, unknown, number, string]>([
      ['a refusal', { error: { message: 'Refused by the policy.', code: 'content_policy_violation' } }, 400, 'moderation_blocked'],
      ['a refusal in words', { error: 'Your request was rejected by our safety system' }, 400, 'moderation_blocked'],
      [
        'a wrong value',
        { error: { message: 'size is bad', type: 'BadRequestError', code: 400, param: 'size' } },
        400,
        'provider_invalid_request',
      ],
      ['no credit', { code: 'insufficient_user_quota', message: 'no money left', data: null }, 502, 'provider_quota_exhausted'],
      ['a key', { error: { message: 'who are you', type: 'authentication_error' } }, 502, 'provider_authentication_failed'],
      ['a model', { detail: 'The model `x` does not exist' }, 400, 'provider_invalid_request'],
      [
        'a sensitive prompt',
        { base_resp: { status_code: 1026, status_msg: 'input flagged: sensitive content' } },
        400,
        'moderation_blocked',
      ],
    ])('is what it means: %s', async (name, body, status, code) => {
      for (const model of [PICTURE, GPT]) {
        scripted.vendor.reset();
        const { answer, generation } = await image(jsonReply(200, body), { model });
        const failure = failureOf(answer);
        expect(failure, `${model} ${answer.text}`).toMatchObject({ status, code });
        const words = JSON.stringify(body).match(/"(?:message|error|detail|status_msg)":"([^"]+)"/)?.[1] ?? '';
        if (name !== 'a key') expect(failure.message).toContain(words);
        expect(generation).toMatchObject({ error: { charged: 'no' }, cost_usd: 0, hold: { state: 'released' } });
        expect(scripted.vendor.requests).toHaveLength(1);
      }
    });

    it('is asked again after what it means for the vendor to be busy', async () => {
      const busy = jsonReply(200, { error: { code: 'rate_limit_exceeded', message: 'slow down' } });
      let asked = 0;
      scripted.vendor.script({ [GENERATIONS]: () => (++asked === 1 ? busy : jsonReply(200, { data: [good()] })) });
      const answer = await scripted.client.image({ model: PICTURE, prompt: 'a boat' });
      expect(answer.status, answer.text).toBe(200);
      expect(asked).toBe(2);
    });

    it('keeps the money and the words where nobody knows what it means', async () => {
      const { answer, generation } = await image(jsonReply(200, { error: { message: 'the moon is in the wrong house' } }));
      expect(failureOf(answer).message).toContain('the moon is in the wrong house');
      expect(generation).toMatchObject({ error: { charged: 'unknown' }, hold: { state: 'held' } });
      expect(scripted.vendor.requests).toHaveLength(1);
    });

    it('is what it means in a stream, and for a video', async () => {
      const refusal = { error: { message: 'Refused by the policy.', code: 'content_policy_violation' } };
      const { answer } = await image(streamReply([refusal]), { model: GPT, stream: true, partial_images: 1 });
      expect(failureOf(answer)).toMatchObject({ code: 'moderation_blocked', message: `${REFUSED}: Refused by the policy.` });
      scripted.vendor.script({ 'POST /v1/videos': jsonReply(200, refusal) });
      const video = await scripted.client.video({ model: 'openai-compatible/film', prompt: 'a boat' });
      expect(failureOf(video)).toMatchObject({ code: 'moderation_blocked' });
    });

    it('is what it means from fal too', async () => {
      scripted.vendor.script({ 'POST /fal-ai/flux/dev': jsonReply(200, { detail: 'User is locked. Reason: Exhausted balance. Top up.' }) });
      const answer = await scripted.client.image({ model: 'fal/flux-dev', prompt: 'a boat' });
      expect(failureOf(answer)).toMatchObject({ code: 'provider_quota_exhausted', message: expect.stringContaining('Exhausted balance') });
    });
  });

  describe('behind a byte-order mark', () => {
    it('is read', async () => {
      for (const model of [PICTURE, GPT]) {
        const { answer } = await image(textReply(`\uFEFF${JSON.stringify({ data: [good()] })}`), { model });
        expect(answer.status, answer.text).toBe(200);
      }
      const stream = `\uFEFFdata: ${JSON.stringify({ type: 'image_generation.completed', b64_json: pngBase64() })}\n\n`;
      const { answer } = await image(textReply(stream, 200, 'text/event-stream'), { model: GPT });
      expect(answer.status, answer.text).toBe(200);
    });

    it('is read as an error', async () => {
      const error = { error: { message: 'Refused by the policy.', code: 'content_policy_violation' } };
      const { answer } = await image(textReply(`\uFEFF${JSON.stringify(error)}`, 400));
      expect(failureOf(answer)).toMatchObject({ code: 'moderation_blocked', message: `${REFUSED}: Refused by the policy.` });
    });
  });
});
