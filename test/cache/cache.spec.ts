import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makePng } from '@litegen/plugin-sdk/testing';
import OpenAI from 'openai';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { rows } from '../../src/platform/database/index.js';
import { type Answer, type Client, type GenerationView, until } from '../support/client.js';
import { databases } from '../support/databases.js';
import { CacheGateway, PRICE_USD } from './cache-application.js';

const FOX = { model: 'openai-compatible/picture', prompt: 'a red fox', response_format: 'url' };
const HOUR = { 'x-litegen-cache-ttl': '3600' };

interface Picture {
  readonly id: string;
  readonly data: readonly { readonly url: string }[];
  readonly usage: { readonly cost_usd: number; readonly total_tokens: number };
  readonly receipt: { readonly applied: readonly string[]; readonly mapped: readonly { readonly param: string }[] };
}
type Cached = GenerationView & { readonly cached_from: string | null };

describe.each(databases())('the cache on $name', ({ url }) => {
  let gateway: CacheGateway;
  let client: Client;
  let keyId: string;

  beforeAll(async () => {
    const started = await CacheGateway.start(url);
    ({ gateway } = started);
    const key = await gateway.key();
    keyId = key.id;
    client = key.client();
    return started.close;
  });
  beforeEach(async () => {
    gateway.vendor.reset();
    await gateway.master().send('/v1/cache', { method: 'DELETE' });
  });

  const cacheOf = ({ headers }: Answer): string | null => headers.get('x-litegen-cache');
  const ask = async (fields: object = {}, headers: Record<string, string> = HOUR, by = client): Promise<Answer> => {
    const answer = await by.image({ ...FOX, ...fields }, { headers });
    expect([answer.status, answer.text.slice(0, 200)]).toEqual([200, expect.any(String)]);
    return answer;
  };
  const spending = () => gateway.master().read<{ tokens_used: number; tokens_held: number }>(`/v1/keys/${keyId}`);
  const bytesOf = async (answer: Answer): Promise<string> => {
    const response = await fetch(answer.json<Picture>().data[0]?.url ?? '');
    expect(response.status).toBe(200);
    return Buffer.from(await response.arrayBuffer()).toString('base64');
  };

  it('gives a result again, as a generation of its own that costs nothing', async () => {
    const first = await ask();
    expect([cacheOf(first), first.headers.get('age'), first.headers.get('x-litegen-cost')]).toEqual(['miss', null, '0.04']);
    const before = await spending();
    gateway.replicas[0]?.advance(90);
    const second = await ask({ user: 'ann', metadata: { order: 7 }, response_format: 'b64_json' });
    expect([cacheOf(second), second.headers.get('x-litegen-cost')]).toEqual(['hit', '0']);
    expect(Number(second.headers.get('age'))).toBeGreaterThanOrEqual(90);
    expect(Number(second.headers.get('age'))).toBeLessThan(120);
    expect(gateway.calls).toBe(1);
    expect(await spending()).toMatchObject(before);

    const [source, hit] = [first, second].map((answer) => answer.json<Picture>());
    expect(hit?.id).not.toBe(source?.id);
    expect(hit?.usage).toMatchObject({ cost_usd: 0, total_tokens: 0 });
    const view = await client.read<Cached>(`/v1/generations/${hit?.id}`);
    expect(view).toMatchObject({
      status: 'completed',
      cost_usd: 0,
      cost_source: 'cache',
      cached_from: source?.id,
      metadata: { order: 7 },
      hold: { amount_usd: 0, state: 'settled' },
      attempts: [],
    });
    // Its files are its own, though their bytes are kept once.
    const original = await client.generation(source?.id ?? '');
    expect(view.outputs[0]?.url).not.toBe(original.outputs[0]?.url);
    expect(await bytesOf(await ask())).toBe(await bytesOf(first));
    const { data } = await client.read<{ data: { id: string; cached_from?: string; cost_usd: number }[] }>('/v1/logs?per_page=3');
    expect(data.find(({ id }) => id === hit?.id)).toMatchObject({ cached_from: source?.id, cost_usd: 0 });
    expect(data.find(({ id }) => id === source?.id)).not.toHaveProperty('cached_from');
  });

  it('is only for those who ask for it', async () => {
    for (const headers of [{}, { 'cache-control': 'max-age=60' }] as Record<string, string>[])
      expect(cacheOf(await ask({}, headers))).toBeNull();
    expect(gateway.calls).toBe(2);
    expect(await gateway.master().read('/health')).toMatchObject({ cache: { enabled: true, entries: 0 } });
  });

  it('is asked for by the model, by the key, or by the request, and the nearer one decides', async () => {
    const kept = { model: 'openai-compatible/kept' };
    expect(cacheOf(await ask(kept, {}))).toBe('miss');
    expect(cacheOf(await ask(kept, {}))).toBe('hit');
    const never = (await gateway.key({ cache: { ttl_seconds: 0 } })).client();
    expect(cacheOf(await ask(kept, {}, never))).toBe('bypass');
    expect(cacheOf(await ask(kept, HOUR, never))).toBe('hit');
    expect(gateway.calls).toBe(2);

    const own = await gateway.key({ cache: { ttl_seconds: 60 } });
    expect(cacheOf(await ask({}, {}, own.client()))).toBe('miss');
    expect(cacheOf(await ask({}, {}, own.client()))).toBe('hit');
    expect(cacheOf(await ask({}, { 'x-litegen-cache-ttl': '0' }, own.client()))).toBe('bypass');
    const answer = await gateway.master().read(`/v1/keys/${own.id}`, { method: 'PATCH', body: { cache: null } });
    expect(answer).toMatchObject({ cache: null });
    expect(cacheOf(await ask({}, {}, own.client()))).toBeNull();
  });

  it('heeds Cache-Control', async () => {
    await ask();
    expect(cacheOf(await ask({}, { ...HOUR, 'cache-control': 'no-store' }))).toBe('bypass');
    expect(gateway.calls).toBe(2);
    const renewed = await ask({}, { ...HOUR, 'cache-control': 'no-cache' });
    expect([cacheOf(renewed), gateway.calls]).toEqual(['miss', 3]);
    // From now on, the new result is given.
    const again = await ask();
    const { cached_from: from } = await client.read<Cached>(`/v1/generations/${again.json<Picture>().id}`);
    expect([cacheOf(again), from, gateway.calls]).toEqual(['hit', renewed.json<Picture>().id, 3]);
    gateway.replicas[0]?.advance(30);
    expect(cacheOf(await ask({}, { ...HOUR, 'cache-control': 'max-age=60' }))).toBe('hit');
    expect(cacheOf(await ask({}, { ...HOUR, 'cache-control': 'max-age=20' }))).toBe('miss');
  });

  it('ends with its time, whichever of the two requests allows less', async () => {
    await ask({}, { 'x-litegen-cache-ttl': '100' });
    gateway.replicas[0]?.advance(60);
    expect(cacheOf(await ask())).toBe('hit');
    expect(cacheOf(await ask({}, { 'x-litegen-cache-ttl': '50' }))).toBe('miss');
    gateway.replicas[0]?.advance(45);
    expect(cacheOf(await ask())).toBe('hit');
    gateway.replicas[0]?.advance(10);
    expect(cacheOf(await ask())).toBe('miss');
    expect(gateway.calls).toBe(3);
  });

  it.each(['a', '-1', '1.5', '2592001', ''])('refuses the time %j', async (ttl) => {
    const answer = await client.image(FOX, { headers: { 'x-litegen-cache-ttl': ttl } });
    expect([answer.status, answer.json<{ error: object }>().error]).toMatchObject([
      400,
      { code: 'param_out_of_range', param: 'x-litegen-cache-ttl', accepted: ['0 to 2592000'] },
    ]);
  });

  it('tells requests apart by all that decides what is made', async () => {
    const others = [{ prompt: 'a red Fox' }, { n: 2 }, { seed: 1 }, { seed: 2 }, { size: '512x512' }, { model: 'openai-compatible/kept' }];
    await ask();
    for (const other of others) expect([other, cacheOf(await ask(other))]).toEqual([other, 'miss']);
    expect(gateway.calls).toBe(1 + others.length);
    // What the vendor gets is the same, though it was asked for in other words; the receipt is that of this request.
    expect(cacheOf(await ask({ size: '1024x1024' }))).toBe('miss');
    const mapped = await ask({ size: '1000x1000', strict: false });
    expect([cacheOf(mapped), mapped.json<Picture>().receipt.mapped.map(({ param }) => param)]).toEqual(['hit', ['size']]);
  });

  it('knows uploads by their bytes, not by their names', async () => {
    const form = (side: number, name: string): FormData => {
      const data = new FormData();
      data.append('model', FOX.model);
      data.append('prompt', 'add a moon');
      data.append('image', new Blob([new Uint8Array(makePng({ width: side, height: side }))], { type: 'image/png' }), name);
      return data;
    };
    const edit = (body: FormData | object) => client.send('/v1/images/edits', { body, headers: HOUR });
    expect(cacheOf(await edit(form(64, 'picture.png')))).toBe('miss');
    expect(cacheOf(await edit(form(65, 'picture.png')))).toBe('miss');
    expect(cacheOf(await edit(form(64, 'other.png')))).toBe('hit');
    const dataUrl = `data:image/png;base64,${makePng({ width: 64, height: 64 }).toString('base64')}`;
    expect(cacheOf(await edit({ model: FOX.model, prompt: 'add a moon', images: [{ image_url: dataUrl }] }))).toBe('hit');
    expect(gateway.calls).toBe(2);
  });

  it('is each tenant’s own, and so is its clearing', async () => {
    const foreign = await gateway.foreignClient(`app-${url.startsWith('sqlite') ? 's' : 'p'}`);
    await ask();
    expect(cacheOf(await ask({}, HOUR, foreign))).toBe('miss');
    expect(cacheOf(await ask({}, HOUR, foreign))).toBe('hit');
    const entries = async (by: Client) => (await by.send('/health')).json<{ cache: { entries: number } }>().cache.entries;
    expect([await entries(client), await entries(foreign)]).toEqual([1, 1]);
    expect(await foreign.read('/v1/cache', { method: 'DELETE' })).toEqual({ cleared: true });
    expect([await entries(client), await entries(foreign)]).toEqual([1, 0]);
    expect(cacheOf(await ask({}, HOUR, foreign))).toBe('miss');
    expect(cacheOf(await ask())).toBe('hit');
  });

  it('does not keep what was being made when it was cleared', async () => {
    gateway.vendor.inject({ kind: 'latency', ms: 400 });
    const running = ask();
    await until(() => gateway.calls === 1);
    await client.read('/v1/cache', { method: 'DELETE' });
    expect(cacheOf(await running)).toBe('miss');
    expect(cacheOf(await ask())).toBe('miss');
  });

  it('does not give what its owner deleted, nor what has no file any more', async () => {
    const film = { model: 'openai-compatible/film', prompt: 'a fox that runs' };
    const made = await client.video(film, { headers: HOUR });
    const { id } = made.json<{ id: string }>();
    expect(cacheOf(made)).toBe('miss');
    await client.ended(id);
    const again = await client.video(film, { headers: HOUR });
    expect([cacheOf(again), again.json()]).toMatchObject(['hit', { status: 'completed', progress: 100 }]);
    await client.read(`/v1/videos/${id}`, { method: 'DELETE' });
    // The copy is not the source.
    expect((await client.send(`/v1/videos/${again.json<{ id: string }>().id}/content`)).status).toBe(200);
    const anew = await client.video(film, { headers: HOUR });
    expect(cacheOf(anew)).toBe('miss');
    await client.ended(anew.json<{ id: string }>().id);

    await ask();
    for (const entry of readdirSync(gateway.blobs, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) rmSync(join(entry.parentPath, entry.name));
    }
    expect(cacheOf(await ask())).toBe('miss');
    expect(cacheOf(await ask())).toBe('hit');
  });

  it('serves a key whose budget is used up', async () => {
    await ask();
    const poor = (await gateway.key({ token_quota: PRICE_USD / 2 })).client();
    const refused = await poor.image({ ...FOX, prompt: 'another' }, { headers: HOUR });
    expect(refused.status).toBe(402);
    const answer = await ask({}, HOUR, poor);
    expect([cacheOf(answer), answer.headers.get('x-litegen-budget-remaining')]).toEqual(['hit', '0.02']);
    // A refusal leaves no trace that others could wait for.
    expect(cacheOf(await ask({ prompt: 'another' }))).toBe('miss');
  });

  it('keeps neither failures nor what is not whole', async () => {
    gateway.vendor.inject({ kind: 'status', status: 400, body: { error: { message: 'no' } } }, { method: 'POST' });
    expect((await client.image(FOX, { headers: HOUR })).status).toBe(400);
    expect(cacheOf(await ask())).toBe('miss');
    expect(gateway.calls).toBe(2);
  });

  it('answers repetitions by their idempotency keys before it is asked', async () => {
    await ask();
    const headers = { ...HOUR, 'idempotency-key': 'once' };
    const [first, second] = [await ask({}, headers), await ask({}, headers)];
    expect([cacheOf(first), cacheOf(second), second.headers.get('idempotent-replayed')]).toEqual(['hit', null, 'true']);
    expect(second.json<Picture>().id).toBe(first.json<Picture>().id);
    expect((await client.image({ ...FOX, prompt: 'b' }, { headers })).status).toBe(422);
  });

  it('streams a hit, and answers the official client', async () => {
    await ask();
    const streamed = await client.image({ ...FOX, stream: true, response_format: undefined }, { headers: HOUR });
    expect([cacheOf(streamed), streamed.text.match(/^event: .*/gm)]).toEqual(['hit', ['event: image_generation.completed']]);
    const openai = new OpenAI({ apiKey: (await gateway.key()).key, baseURL: `${gateway.replicas[0]?.url}/v1`, defaultHeaders: HOUR });
    const { response, data } = await openai.images.generate({ ...FOX, response_format: 'b64_json' }).withResponse();
    expect(response.headers.get('x-litegen-cache')).toBe('hit');
    expect(Buffer.from(data.data?.[0]?.b64_json ?? '', 'base64').toString('latin1', 1, 4)).toBe('PNG');
    expect(gateway.calls).toBe(1);
  });

  it('announces hits like every other end', async () => {
    const told = (await gateway.key({ webhook_url: 'https://hooks.example.test/done' })).client();
    // Endpoints are looked up anew every five seconds.
    gateway.replicas[0]?.advance(6);
    await ask({}, HOUR, told);
    const hit = await ask({}, HOUR, told);
    const { id } = hit.json<Picture>();
    const messages = await rows<{ type: string; body: string }>(
      gateway.database.manager,
      'SELECT type, body FROM webhook_messages WHERE generation_id = :id',
      { id },
    );
    expect([cacheOf(hit), messages.map(({ type }) => type)]).toEqual(['hit', ['generation.completed']]);
    expect(messages[0]?.body).toContain(id);
  });

  it('is counted', async () => {
    expect(await gateway.replicas[0]?.metrics()).toMatch(/litegen_cache_requests_total\{result="hit"\} \d+/);
    const stats = await client.read<{ cached_requests: number; successful_requests: number }>('/v1/stats');
    expect(stats.cached_requests).toBeGreaterThan(5);
    expect(stats.successful_requests).toBeGreaterThan(stats.cached_requests);
    expect(await gateway.differences()).toEqual([]);
  });
});
