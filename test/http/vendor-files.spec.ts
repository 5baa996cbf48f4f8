import { jsonReply, makeMp4, makePng, type SimulatorReply } from '@litegen/plugin-sdk/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { failureOf } from '../support/client.js';
import { databases } from '../support/databases.js';
import { makeAvif, makeGif, makeJpeg, makeMovie, makePngWith, pngChunk, riff, webpCanvas, webpFrame } from '../support/media-files.js';
import { pngBase64, streamReply } from '../support/scripted-simulator.js';
import { type GenerationDetail, PRICE_USD, type ScriptedGateway, startScriptedGateway } from './scripted-gateway.js';

const GENERATIONS = 'POST /v1/images/generations';
const PICTURE = 'openai-compatible/picture';
const FILM = 'openai-compatible/film';
const GPT = 'openai/gpt-image-1.5';
const PNG = makePng({ width: 30, height: 20 });
const file = (body: Buffer | string, contentType = 'application/octet-stream'): SimulatorReply => ({
  status: 200,
  headers: { 'content-type': contentType },
  body,
});
const base64 = (data: Buffer | string): string => Buffer.from(data).toString('base64');
const ERROR = '{"error":{"code":"server_error","message":"the GPU fell over"}}';
/** Two rounds of three tries. */
const TRIES = 6;

describe.each(databases())('a file that is not what was asked for, on $name', ({ url }) => {
  let scripted: ScriptedGateway;

  beforeAll(async () => {
    scripted = await startScriptedGateway({ databaseUrl: url, settings: { engine: { tick_ms: 50, result_grace_seconds: 3 } } });
  });
  beforeEach(() => scripted.vendor.reset());
  afterAll(() => scripted?.stop());

  /** The replies to one GET after another; the last one stays. */
  function oneByOne(...replies: readonly SimulatorReply[]): () => SimulatorReply {
    let asked = 0;
    return () => replies[Math.min(asked++, replies.length - 1)] as SimulatorReply;
  }

  async function film(content: () => SimulatorReply): Promise<GenerationDetail> {
    scripted.vendor.script({
      'POST /v1/videos': jsonReply(200, { id: 'v1', status: 'queued' }),
      'GET /v1/videos/v1': jsonReply(200, { id: 'v1', status: 'completed' }),
      'GET /v1/videos/v1/content': content,
    });
    return scripted.made(await scripted.client.video({ model: FILM, prompt: 'a boat' }));
  }

  async function picture(link: () => SimulatorReply): Promise<GenerationDetail> {
    const item = { url: `${scripted.vendor.origin}/files/1.png` };
    scripted.vendor.script({ [GENERATIONS]: jsonReply(200, { data: [item] }), '/files/1.png': link });
    return scripted.made(await scripted.client.image({ model: PICTURE, prompt: 'a boat' }));
  }

  const lost = (code: string, charged: 'yes' | 'unknown', message = '') => ({
    status: 'failed',
    outputs: [],
    error: { code, charged, message: expect.stringContaining(message) },
    cost_usd: charged === 'yes' ? PRICE_USD : 0,
    hold: { amount_usd: PRICE_USD, state: charged === 'yes' ? 'settled' : 'held' },
  });

  it.each<readonly [string, SimulatorReply, string, string]>([
    ['an error as JSON', jsonReply(200, JSON.parse(ERROR) as object), 'provider_unavailable', 'the GPU fell over'],
    ['a page', file('<html>soon</html>', 'video/mp4'), 'provider_invalid_response', 'no video'],
    ['half a clip', file(makeMovie({ samplesBytes: 9000, moovFirst: true }).subarray(0, 5000)), 'provider_invalid_response', 'cut short'],
    ['a still picture', file(PNG, 'video/mp4'), 'provider_invalid_response', 'no video (image/png)'],
  ])('is no video: %s', async (_what, reply, code, message) => {
    expect(await film(() => reply)).toMatchObject(lost(code, 'unknown', message));
    expect(scripted.vendor.count('/v1/videos/v1/content')).toBe(TRIES);
  });

  it.each<readonly [string, SimulatorReply, string]>([
    ['a page', file('<html>soon</html>', 'image/png'), 'no image'],
    ['half a picture', file(makePng({ bytes: 5000 }).subarray(0, 3000), 'image/png'), 'cut short'],
    ['a clip', file(makeMp4(), 'image/png'), 'no image (video/mp4)'],
    ['a picture without a size', file(Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), pngChunk('IEND', Buffer.alloc(0))])), 'size'],
  ])('is no picture: %s', async (_what, reply, message) => {
    expect(await picture(() => reply)).toMatchObject(lost('provider_invalid_response', 'unknown', message));
    expect(scripted.vendor.count('/files/1.png')).toBe(TRIES);
  });

  it.each<readonly [string, SimulatorReply, string, string, number]>([
    ['empty', file(''), 'provider_invalid_response', 'empty', 3],
    [
      'refused',
      jsonReply(200, { error: { code: 'content_policy_violation', message: 'a boat too far' } }),
      'moderation_blocked',
      'a boat too far',
      1,
    ],
  ])('is not waited for: %s', async (_what, reply, code, message, tries) => {
    expect(await picture(() => reply)).toMatchObject(lost(code, 'unknown', message));
    expect(scripted.vendor.count('/files/1.png')).toBe(tries);
  });

  it.each<readonly [string, string, string]>([
    ['a private address', 'http://127.0.0.2:9/1.png', 'refused'],
    ['a credential', 'https://user:word@cdn.example.com/1.png', 'refused'],
  ])('is not waited for: %s', async (_what, link, message) => {
    scripted.vendor.script({ [GENERATIONS]: jsonReply(200, { data: [{ url: link }] }) });
    const generation = await scripted.made(await scripted.client.image({ model: PICTURE, prompt: 'a boat' }));
    expect(generation).toMatchObject(lost('provider_invalid_response', 'yes', message));
  });

  it.each([404, 403, 410, 425])('is fetched once its host is ready, which answered %i', async (status) => {
    const soon = { status, body: 'not yet' };
    expect(await picture(oneByOne(soon, soon, soon, soon, file(PNG)))).toMatchObject({ status: 'completed', cost_usd: PRICE_USD });
    expect(await film(oneByOne(soon, soon, soon, soon, file(makeMp4())))).toMatchObject({ status: 'completed', cost_usd: PRICE_USD });
  });

  it('is fetched once it is whole', async () => {
    const soon = [file('<html>soon</html>'), jsonReply(200, JSON.parse(ERROR) as object), file(PNG.subarray(0, 60)), file('')];
    expect(await picture(oneByOne(...soon, file(PNG)))).toMatchObject({ status: 'completed', outputs: [{ content_type: 'image/png' }] });
  });

  it('has expired when its host never has it', async () => {
    expect(await picture(() => ({ status: 404, body: '' }))).toMatchObject(lost('output_expired', 'yes'));
    expect(scripted.vendor.count('/files/1.png')).toBe(TRIES);
  });

  it('does not cost the others', async () => {
    const items = ['a', 'b', 'c'].map((name) => ({ url: `${scripted.vendor.origin}/files/${name}.png` }));
    scripted.vendor.script({
      [GENERATIONS]: jsonReply(200, { data: items }),
      '/files/a.png': file(PNG),
      '/files/b.png': file(ERROR),
      '/files/c.png': file(makeGif(1)),
    });
    const answer = await scripted.client.image({ model: PICTURE, prompt: 'a boat', n: 3 });
    const generation = await scripted.made(answer);
    expect(generation).toMatchObject({ status: 'completed', outputs: [{ content_type: 'image/png' }, { content_type: 'image/gif' }] });
    expect(generation.cost_usd).toBeCloseTo(2 * PRICE_USD, 6);
    expect(JSON.stringify(generation.receipt)).toContain('the GPU fell over');
  });

  it.each<readonly [string, object]>([
    ['base64', { b64_json: base64('<html>soon</html>') }],
    ['base64 of an error', { b64_json: base64(ERROR) }],
    ['base64 of half a picture', { b64_json: base64(PNG.subarray(0, 60)) }],
    ['a data URL', { url: `data:image/png;base64,${base64(makeMp4())}` }],
  ])('is none within an answer either: %s', async (_what, item) => {
    for (const model of [PICTURE, GPT]) {
      scripted.vendor.script({ [GENERATIONS]: jsonReply(200, { data: [item] }) });
      const answer = await scripted.client.image({ model, prompt: 'a boat' });
      expect(answer.headers.get('x-should-retry'), failureOf(answer).message).toBe('false');
      expect(await scripted.made(answer)).toMatchObject({ status: 'failed', error: { charged: 'unknown' }, hold: { state: 'held' } });
    }
  });

  it('is left out of a stream of previews', async () => {
    const partial = (b64_json: string, index: number) => ({ type: 'image_generation.partial_image', partial_image_index: index, b64_json });
    const events = [partial(base64('<html>'), 0), partial(pngBase64(2), 1), { type: 'image_generation.completed', b64_json: pngBase64(3) }];
    scripted.vendor.script({ [GENERATIONS]: streamReply(events) });
    const answer = await scripted.client.image({ model: GPT, prompt: 'a boat', stream: true, partial_images: 2 });
    expect(answer.text).toContain(pngBase64(2));
    expect(answer.text).toContain(pngBase64(3));
    expect(answer.text).not.toContain(base64('<html>'));
  });

  it.each<readonly [string, Buffer]>([
    ['image/svg+xml', Buffer.from('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>')],
    ['image/webp', riff([webpCanvas(30, 20, 2), webpFrame(30, 20)])],
    ['image/avif', makeAvif(64, 36)],
    ['image/gif', makeGif(3)],
    ['image/png', makePngWith([pngChunk('acTL', Buffer.alloc(8))])],
    ['image/jpeg', makeJpeg({ chatty: true, trailer: Buffer.alloc(50) })],
  ])('is none of the odder pictures: %s', async (contentType, data) => {
    expect(await picture(() => file(data))).toMatchObject({ status: 'completed', outputs: [{ content_type: contentType }] });
  });

  it.each<readonly [string, Buffer]>([
    ['video/mp4', makeMovie()],
    ['video/mp4', makeMovie({ fragmented: true })],
    ['image/gif', makeGif(3)],
    ['image/webp', riff([webpCanvas(30, 20, 2), webpFrame(30, 20)])],
  ])('is none of the odder videos: %s', async (contentType, data) => {
    expect(await film(() => file(data))).toMatchObject({ status: 'completed', outputs: [{ content_type: contentType }] });
  });

  it('is none of a job that its vendor does not know at once', async () => {
    scripted.vendor.script({
      'POST /v1/videos': jsonReply(200, { id: 'v1', status: 'queued' }),
      'GET /v1/videos/v1': oneByOne(
        jsonReply(404, { detail: 'no such video' }),
        jsonReply(404, { detail: 'no such video' }),
        jsonReply(200, { status: 'completed' }),
      ),
      'GET /v1/videos/v1/content': file(makeMp4()),
    });
    const generation = await scripted.made(await scripted.client.video({ model: FILM, prompt: 'a boat' }));
    expect(generation).toMatchObject({ status: 'completed', cost_usd: PRICE_USD });
  });
});
