import { type HttpSimulator, jsonReply, makeMp4, startHttpSimulator } from '@litegen/plugin-sdk/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { failureOf } from '../support/client.js';
import { pngBase64 } from '../support/scripted-simulator.js';
import { type ScriptedGateway, startScriptedGateway, VENDOR_KEY } from './scripted-gateway.js';

const GENERATIONS = 'POST /v1/images/generations';
const PNG = pngBase64();

/** Where results lie: another origin than the vendor's API. */
let store: HttpSimulator;

beforeAll(async () => {
  store = await startHttpSimulator(({ path }) =>
    path.endsWith('.mp4')
      ? { status: 200, headers: { 'content-type': 'video/mp4' }, body: makeMp4(4096) }
      : { status: 200, headers: { 'content-type': 'image/png' }, body: Buffer.from(PNG, 'base64') },
  );
});
beforeEach(() => store.reset());
afterAll(() => store?.close());

/** Loopback stands for the public internet where the guard is told so. */
const opened = () => ({ egress: { allow: [store.origin.replace('http://', '')] } });

interface Case {
  readonly name: string;
  readonly settings?: () => object;
  readonly egress?: () => readonly string[] | string;
  readonly reached: boolean;
}

const CASES: readonly Case[] = [
  { name: 'at a public address, by default', settings: opened, reached: true },
  { name: 'at a private address, by default', reached: false },
  { name: 'at a private address that the operator named', egress: () => [store.origin], reached: true },
  { name: 'at a private address beside public ones', egress: () => `public, ${store.origin}`, reached: true },
  { name: 'at another address than the operator named', settings: opened, egress: () => ['https://cdn.example.com'], reached: false },
  { name: 'anywhere, where the operator says nowhere', settings: opened, egress: () => [], reached: false },
];

describe.each(CASES)('a result $name', ({ settings, egress, reached }) => {
  let scripted: ScriptedGateway;

  beforeAll(async () => {
    const own = egress === undefined ? {} : { egress: egress() };
    scripted = await startScriptedGateway({
      settings: settings?.(),
      providers: () => ({ 'openai-compatible': own, openai: own, fal: own }),
    });
  });
  afterAll(() => scripted?.stop());

  function expectReached(path: string, asked: boolean): void {
    expect(store.count(path)).toBe(asked ? 1 : 0);
    for (const { headers } of store.requests) {
      expect(headers).not.toHaveProperty('authorization');
      expect(JSON.stringify(headers)).not.toContain(VENDOR_KEY);
    }
  }

  it.each(['openai-compatible/picture', 'openai/gpt-image-1.5'])(
    `is ${reached ? 'fetched' : 'refused'} from a link, without the key: %s`,
    async (model) => {
      scripted.vendor.script({ [GENERATIONS]: jsonReply(200, { data: [{ url: `${store.origin}/1.png` }] }) });
      const answer = await scripted.client.image(
        { model, prompt: 'a boat', response_format: 'b64_json' },
        { headers: { prefer: 'wait=2' } },
      );
      if (reached) expect(answer.json<{ data: object[] }>().data, answer.text).toMatchObject([{ b64_json: PNG }]);
      else expect(answer.text).not.toContain(PNG);
      expectReached('/1.png', reached);
    },
  );

  it(`is ${reached ? 'fetched' : 'refused'} from a redirect, without the key`, async () => {
    scripted.vendor.script({
      'POST /v1/videos': jsonReply(200, { id: 'v1', status: 'queued' }),
      'GET /v1/videos/v1': jsonReply(200, { status: 'completed' }),
      'GET /v1/videos/v1/content': { status: 302, headers: { location: `${store.origin}/1.mp4` } },
    });
    const answer = await scripted.client.video({ model: 'openai-compatible/film', prompt: 'a boat' });
    const { id } = answer.json<{ id: string }>();
    if (reached) expect(await scripted.client.ended(id)).toMatchObject({ status: 'completed', outputs: [{ content_type: 'video/mp4' }] });
    else await scripted.client.read(`/v1/generations/${id}`, { headers: { prefer: 'wait=2' } });
    expectReached('/1.mp4', reached);
    expect(scripted.vendor.requests.at(-1)?.headers.authorization).toBe(`Bearer ${VENDOR_KEY}`);
  });
});

describe('the settings of results', () => {
  it('are shown with the provider', async () => {
    const scripted = await startScriptedGateway({ providers: () => ({ fal: { egress: ['https://*.fal.media', 'public'] } }) });
    const providers = await scripted.client.read<{ name: string; transfers: string[] }[]>('/v1/providers');
    const transfers = Object.fromEntries(providers.map((provider) => [provider.name, provider.transfers]));
    expect(transfers).toMatchObject({
      fal: ['https://*.fal.media', 'public'],
      openai: ['public'],
      'openai-compatible': ['public'],
      mock: [],
    });
    await scripted.stop();
  });

  it.each(['http://cdn.test/path', 'cdn.test', 'https://*', 'privat', 'file:///x'])(
    'stop the start when they name no origin: %s',
    async (origin) => {
      const start = startScriptedGateway({ providers: () => ({ fal: { egress: ['public', origin] } }) });
      const sentence = `providers.fal.egress: "${origin}": expected "public" or an origin`;
      // Its last line is JSON, like all of its lines.
      await expect(start).rejects.toThrow(JSON.stringify(sentence).slice(1, -1));
    },
  );

  it('leave a private address closed for whoever is not asked', async () => {
    const scripted = await startScriptedGateway({ providers: () => ({ 'openai-compatible': { egress: [store.origin] } }) });
    const value = `${store.origin}/1.png`;
    const answer = await scripted.client.image({
      model: 'mock/paint',
      prompt: 'a boat',
      reference_images: [{ type: 'url', value }],
    });
    expect(failureOf(answer)).toMatchObject({ code: 'url_blocked' });
    expect(store.requests).toHaveLength(0);
    await scripted.stop();
  });
});
