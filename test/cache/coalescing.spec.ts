import { makePng } from '@litegen/plugin-sdk/testing';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { rows } from '../../src/platform/database/index.js';
import { type Answer, Client, type GenerationView, until } from '../support/client.js';
import { databases } from '../support/databases.js';
import { CacheGateway, PRICE_USD } from './cache-application.js';

const FOX = { model: 'openai-compatible/picture', prompt: 'a red fox', response_format: 'url' };
const FILM = { model: 'openai-compatible/film', prompt: 'a fox that runs' };
const HOUR = { 'x-litegen-cache-ttl': '3600' };
/** Long enough for everybody to ask before the first answer comes. */
const AFTER_MS = 1000;
const SLOW = { kind: 'latency', ms: AFTER_MS } as const;
const refusal = { message: 'Refused.', type: 'invalid_request_error', code: 'content_policy_violation' };
const REFUSED = { kind: 'status', status: 400, body: { error: refusal }, afterMs: AFTER_MS } as const;

type Cached = GenerationView & { readonly cached_from: string | null };

describe.each(databases())('the same request at the same time on $name', ({ name, url }) => {
  let gateway: CacheGateway;
  let keyId: string;
  /** Of one key, on each replica. */
  let clients: Client[];

  beforeAll(async () => {
    const started = await CacheGateway.start(url, { replicas: name === 'postgres' ? 2 : 1 });
    ({ gateway } = started);
    const key = await gateway.key({ token_quota: 1 });
    keyId = key.id;
    clients = gateway.replicas.map((_replica, index) => key.client(index));
    return started.close;
  });
  beforeEach(async () => {
    gateway.vendor.reset();
    await gateway.master().send('/v1/cache', { method: 'DELETE' });
  });

  const cacheOf = ({ headers }: Answer): string | null => headers.get('x-litegen-cache');
  const tally = (values: readonly unknown[]): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const value of values) counts[String(value)] = (counts[String(value)] ?? 0) + 1;
    return counts;
  };
  const at = (index: number): Client => clients[index % clients.length] as Client;
  const together = (times: number, fields: object = FOX): Promise<Answer[]> =>
    Promise.all(Array.from({ length: times }, (_, index) => at(index).image(fields, { headers: HOUR })));
  const spending = () => gateway.master().read<{ tokens_used: number; tokens_held: number }>(`/v1/keys/${keyId}`);
  /** How many prices it cost. */
  const bills = async <T>(work: () => Promise<T>): Promise<[T, number]> => {
    const before = await spending();
    const result = await work();
    const after = await spending();
    expect(after.tokens_held).toBe(0);
    expect(await gateway.differences()).toEqual([]);
    return [result, Math.round((after.tokens_used - before.tokens_used) / PRICE_USD)];
  };
  const idOf = (answer: Answer): string => answer.json<{ id: string }>().id;

  it('makes one vendor call for fifty, and one bill', async () => {
    gateway.vendor.inject(SLOW);
    // Fifty prices are more than the key has.
    const [answers, billed] = await bills(() => together(50));
    expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 50 });
    expect([gateway.calls, billed]).toEqual([1, 1]);
    expect(tally(answers.map(cacheOf))).toEqual({ miss: 1, hit: 49 });
    expect(new Set(answers.map(idOf)).size).toBe(50);
    for (const answer of answers.filter((one) => cacheOf(one) === 'hit').slice(0, 5)) {
      expect([answer.headers.get('age'), answer.headers.get('x-litegen-cost')]).toEqual(['0', '0']);
      expect(await at(0).generation(idOf(answer))).toMatchObject({
        status: 'completed',
        cost_source: 'cache',
        hold: { amount_usd: 0 },
        attempts: [],
      });
    }
    expect(tally((await together(4)).map(cacheOf))).toEqual({ hit: 4 });
  });

  it('ends those who wait in one process with the first, tells of each, and takes none of them up', async () => {
    gateway.vendor.inject(SLOW);
    const told = (await gateway.key({ webhook_url: 'https://hooks.example.test/done' })).client();
    // Endpoints are looked up anew every five seconds.
    gateway.replicas[0]?.advance(6);
    const answers = await Promise.all(Array.from({ length: 5 }, () => told.image(FOX, { headers: HOUR })));
    expect(tally(answers.map(cacheOf))).toEqual({ miss: 1, hit: 4 });
    const ended = await rows<{ status: string; token: number; messages: number; files: number }>(
      gateway.database.manager,
      `SELECT status, (SELECT MAX(lease_token) FROM attempts WHERE generation_id = generations.id) AS token,
         (SELECT COUNT(*) FROM webhook_messages WHERE generation_id = generations.id AND type = 'generation.completed') AS messages,
         (SELECT COUNT(*) FROM assets WHERE generation_id = generations.id) AS files
       FROM generations WHERE id IN (:ids) AND cached_from IS NOT NULL`,
      { ids: answers.map(idOf) },
    );
    expect(ended).toHaveLength(4);
    for (const { status, ...counts } of ended) {
      const { token, messages, files } = counts;
      expect([status, ...[token, messages, files].map(Number)]).toEqual(['completed', 0, 1, 1]);
    }
  });

  it('tells each of those who wait what was adjusted, in their own words', async () => {
    gateway.vendor.inject(SLOW);
    const answers = await together(3, { ...FOX, extra: { response_format: 'url' } });
    expect(tally(answers.map(cacheOf))).toEqual({ miss: 1, hit: 2 });
    for (const answer of answers) {
      const { receipt } = await at(0).read<{ receipt: { dropped: { param: string }[] } }>(`/v1/generations/${idOf(answer)}`);
      expect(receipt.dropped).toEqual([expect.objectContaining({ param: 'extra.response_format' })]);
    }
  });

  it('does not take a refusal over from one call: one of those who waited asks again, for all of them', async () => {
    gateway.vendor.inject(REFUSED);
    gateway.vendor.inject(SLOW);
    const [answers, billed] = await bills(() => together(10));
    expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 9, 400: 1 });
    expect([gateway.calls, billed]).toEqual([2, 1]);
    expect(tally(answers.map(cacheOf))).toEqual({ miss: 2, hit: 8 });
  });

  it('believes a second refusal', async () => {
    gateway.vendor.inject(REFUSED, { times: 5 });
    const [answers, billed] = await bills(() => together(10));
    expect(tally(answers.map(({ status }) => status))).toEqual({ 400: 10 });
    expect([gateway.calls, billed]).toEqual([2, 0]);
    const failures = answers.map((answer) => answer.json<{ error: { code: string; generation_id: string } }>().error);
    expect(tally(failures.map(({ code }) => code))).toEqual({ moderation_blocked: 10 });
    const views = await Promise.all(failures.map(({ generation_id: id }) => at(0).generation(id)));
    expect(tally(views.map(({ error }) => error?.charged))).toEqual({ no: 10 });
    // Later requests ask for themselves.
    gateway.vendor.reset();
    expect((await together(1)).map(({ status }) => status)).toEqual([200]);
  });

  it('gives nobody a part of what was asked for', async () => {
    const picture = makePng({ width: 64, height: 64 }).toString('base64');
    const part = { created: 1, data: [{ b64_json: picture }], output_format: 'png', size: '64x64' };
    gateway.vendor.inject({ kind: 'status', status: 200, body: part, afterMs: AFTER_MS });
    gateway.vendor.inject(SLOW);
    const answers = await together(4, { ...FOX, n: 2 });
    expect(tally(answers.map((answer) => answer.json<{ data: unknown[] }>().data.length))).toEqual({ 1: 1, 2: 3 });
    expect(gateway.calls).toBe(2);
  });

  it('refuses for its price only who would have to pay', async () => {
    const poor = await gateway.key({ token_quota: PRICE_USD / 2 });
    gateway.vendor.inject(REFUSED);
    const first = at(0).image(FOX, { headers: HOUR });
    await until(() => gateway.calls === 1);
    const second = await poor.client(clients.length - 1).image(FOX, { headers: HOUR });
    expect([(await first).status, second.status]).toEqual([400, 402]);
    expect(await gateway.differences()).toEqual([]);
    expect(gateway.calls).toBe(1);
  });

  it('makes one film for two, and the second has its job at once', async () => {
    const [ids, billed] = await bills(async () => {
      const first = await at(0).video(FILM, { headers: HOUR });
      const second = await at(1).video(FILM, { headers: HOUR });
      expect([cacheOf(first), cacheOf(second)]).toEqual(['miss', 'hit']);
      expect(second.json()).toMatchObject({ status: expect.stringMatching(/pending|queued|completed/) });
      const made = await Promise.all([first, second].map((answer) => at(0).ended(idOf(answer))));
      expect(made.map(({ status }) => status)).toEqual(['completed', 'completed']);
      return [idOf(first), idOf(second)];
    });
    expect([gateway.calls, billed]).toEqual([1, 1]);
    expect(await at(0).read<Cached>(`/v1/generations/${ids[1]}`)).toMatchObject({ cached_from: ids[0], cost_usd: 0 });
    expect((await at(0).send(`/v1/videos/${ids[1]}/content`)).status).toBe(200);
  });

  it('goes on when the first is cancelled, and lets a waiting one go', async () => {
    const long = { ...FILM, model: 'openai-compatible/long-film' };
    const [, billed] = await bills(async () => {
      const [first, second, third] = [
        await at(0).video(long, { headers: HOUR }),
        await at(1).video(long, { headers: HOUR }),
        await at(0).video(long, { headers: HOUR }),
      ].map(idOf) as [string, string, string];
      const cancel = (id: string) => at(1).read<Cached>(`/v1/generations/${id}`, { method: 'PATCH', body: { status: 'cancelled' } });
      expect(await cancel(third)).toMatchObject({ status: 'cancelled', cost_usd: 0 });
      expect(await cancel(first)).toMatchObject({ status: 'cancelled' });
      expect(await at(0).ended(second)).toMatchObject({ status: 'completed' });
      expect(await at(0).read<Cached>(`/v1/generations/${second}`)).toMatchObject({ cached_from: null, cost_usd: PRICE_USD });
    });
    expect([gateway.calls, billed]).toEqual([2, 1]);
  });
});

describe.each(databases())('those who wait when their process ends on $name', ({ url }) => {
  it('go on in the next one, and nobody pays for them twice', async () => {
    const settings = { engine: { tick_ms: 50, lease_seconds: 1 }, server: { shutdown_grace_seconds: 0.1, drain_delay_seconds: 0 } };
    const before = await CacheGateway.start(url, settings);
    before.gateway.vendor.inject({ kind: 'latency', ms: 60_000 });
    const key = await before.gateway.key();
    const headers = { ...HOUR, prefer: 'respond-async' };
    const first = await key.client().image(FOX, { headers });
    const second = await key.client().image(FOX, { headers });
    expect([first, second].map(({ status, headers: told }) => [status, told.get('x-litegen-cache')])).toEqual([
      [202, 'miss'],
      [202, 'hit'],
    ]);
    await until(() => before.gateway.calls === 1);
    await before.gateway.replicas[0]?.stop();
    await before.close();

    const after = await CacheGateway.start(url, settings);
    const client = new Client(after.gateway.replicas[0]?.url ?? '', key.key);
    const [led, followed] = [first, second].map((answer) => answer.json<{ id: string }>().id) as [string, string];
    // Nobody knows what became of the first call, so it is not sent again; whoever waited makes one with money of its own.
    expect(await client.ended(led)).toMatchObject({ status: 'failed', error: { code: 'outcome_unknown' }, hold: { state: 'held' } });
    expect(await client.ended(followed)).toMatchObject({ status: 'completed', cost_usd: PRICE_USD, hold: { state: 'settled' } });
    expect(after.gateway.calls).toBe(1);
    expect(await after.gateway.differences()).toEqual([]);
    await after.close();
  });
});
