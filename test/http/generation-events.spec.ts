import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { EventSource } from 'undici';
import { beforeAll, describe, expect, it } from 'vitest';
import { testApplication } from '../support/application.js';
import { Client, failureOf, until } from '../support/client.js';
import { databases, sqliteDatabase } from '../support/databases.js';
import { type Listening, listen } from '../support/event-source.js';

const MASTER = 'a-master-key-for-events';
const LIMIT = 3;
const AUTHORIZED = { authorization: `Bearer ${MASTER}` };

describe.each(databases())('the events of a generation on $name', ({ url: databaseUrl }) => {
  let app: NestFastifyApplication;
  let client: Client;

  beforeAll(async () => {
    ({ app } = await testApplication(databaseUrl, {
      master_key: MASTER,
      engine: { tick_ms: 50 },
      events: { streams_per_key: LIMIT },
      idempotency: { duplicate_guard_seconds: 0 },
    }));
    await app.listen(0, '127.0.0.1');
    client = new Client(await app.getUrl(), MASTER);
  });

  async function video(prompt: string): Promise<string> {
    const answer = await client.video({ model: 'mock/clip', prompt, seconds: '1' }, { headers: { prefer: 'respond-async' } });
    return answer.json<{ id: string }>().id;
  }

  const follow = (id: string, headers: Readonly<Record<string, string>> = {}): Promise<Listening> =>
    listen(`${client.url}/v1/generations/${id}/events`, { ...AUTHORIZED, ...headers });

  it('tell every step and end with what GET answers', async () => {
    const id = await video('a fox [mock latency=1.5s progress]');
    const stream = await follow(id);
    expect(stream.status).toBe(200);
    expect(stream.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(stream.headers.get('cache-control')).toContain('no-cache');
    expect(await stream.ended).toBe(true);
    expect(stream.others).toEqual(['retry: 1000']);
    const [first] = stream.events;
    expect(first).toMatchObject({ id: '2.0', type: 'generation.status', data: { data: { id, status: 'processing', progress: 0 } } });
    const progress = stream.events.filter(({ type }) => type === 'generation.progress').map(({ data }) => Number(data.data['progress']));
    expect(progress.length).toBeGreaterThan(0);
    expect(progress).toEqual([...new Set(progress)].sort((left, right) => left - right));
    const last = stream.events.at(-1);
    expect(last).toMatchObject({
      id: 'end',
      type: 'generation.completed',
      data: { type: 'generation.completed', data: { id, progress: 100 } },
    });
    const { outputs: [told] = [], ...rest } = (last?.data.data ?? {}) as { outputs?: { url: string }[] };
    const { outputs: [shown] = [], ...detail } = await client.generation(id);
    expect(rest).toEqual(detail);
    expect(told).toEqual({ ...shown, url: expect.stringContaining('/v1/files/') });
  });

  it('go on after the event that a client names, and repeat nothing', async () => {
    const id = await video('a hare [mock latency=2s progress]');
    const first = await follow(id);
    await until(() => first.events.some(({ type }) => type === 'generation.progress'));
    first.close();
    expect(await first.ended).toBe(false);
    const lastId = first.events.at(-1)?.id ?? '';
    const second = await follow(id, { 'last-event-id': lastId });
    expect(await second.ended).toBe(true);
    const ids = [...first.events, ...second.events].map((event) => event.id);
    expect(ids).toEqual([...new Set(ids)]);
    expect(ids.at(-1)).toBe('end');
    expect(second.events.filter(({ type }) => type === 'generation.status')).toEqual([]);
    expect((await follow(id, { 'last-event-id': 'end' })).status).toBe(204);
  });

  it('tell of tries that came to nothing, also to those who were not there', async () => {
    const id = await video('an owl [mock fail=unavailable times=2 charged=no]');
    await client.ended(id);
    const late = await follow(id, { 'last-event-id': '1.0' });
    expect(await late.ended).toBe(true);
    const told = late.events.map((event) => [event.id, event.data.data['status']]);
    const statuses = ['processing', 'pending', 'processing', 'pending', 'processing', 'completed'];
    expect(told).toEqual(statuses.map((status, index) => [status === 'completed' ? 'end' : `${index + 2}.0`, status]));
    const failed = await client.image({ model: 'mock/paint', prompt: 'a toad [mock fail=content_rejected]' });
    const end = await follow(failureOf(failed).generation_id ?? '');
    await end.ended;
    expect(end.events).toMatchObject([{ id: 'end', type: 'generation.failed', data: { data: { error: { code: 'moderation_blocked' } } } }]);
  });

  it('end when their generation is cancelled', async () => {
    const id = await video('a newt [mock latency=60s]');
    const stream = await follow(id);
    await client.send(`/v1/generations/${id}`, { method: 'PATCH', body: { status: 'cancelled' } });
    expect(await stream.ended).toBe(true);
    expect(stream.events.at(-1)?.type).toBe('generation.cancelled');
  });

  it('are the tenant’s own, and streams', async () => {
    const missing = await client.send('/v1/generations/litegen-vid-never-was/events');
    expect(failureOf(missing)).toMatchObject({ status: 404, code: 'not_found' });
    const id = await video('a crow');
    const path = `/v1/generations/${id}/events`;
    for (const accept of ['application/json', 'text/event-stream;q=0', 'text/html, application/xml;q=0.9']) {
      expect(failureOf(await client.send(path, { headers: { accept } }))).toMatchObject({ status: 406, code: 'not_acceptable' });
    }
    for (const accept of ['*/*', 'text/*;q=0.1', 'application/json, text/event-stream']) {
      expect((await client.send(path, { headers: { accept } })).status).toBe(200);
    }
    const strange = await client.send(path, { headers: { 'last-event-id': 'yesterday' } });
    expect(failureOf(strange)).toMatchObject({ status: 400, code: 'invalid_query', param: 'last-event-id' });
  });

  it('are bounded for a key, and free their place when a client goes away', async () => {
    const id = await video('a mole [mock latency=60s]');
    const streams = await Promise.all(Array.from({ length: LIMIT }, () => follow(id)));
    expect(streams.map(({ status }) => status)).toEqual(Array.from({ length: LIMIT }, () => 200));
    const refused = await follow(id);
    expect(refused.status).toBe(429);
    expect(JSON.parse(await refused.text)).toMatchObject({ error: { code: 'too_many_streams' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const created = await client.send('/v1/keys', { body: { name: 'another', scopes: 'read,admin' } });
    const other = await follow(id, { authorization: `Bearer ${created.json<{ key: string }>().key}` });
    expect(other.status).toBe(200);
    for (const stream of [...streams, other]) stream.close();
    const again = await until(async () => {
      const stream = await follow(id);
      if (stream.status === 200) return stream;
      return undefined;
    });
    again.close();
    await client.send(`/v1/generations/${id}`, { method: 'PATCH', body: { status: 'cancelled' } });
  });
});

describe('a real EventSource', () => {
  const { url: databaseUrl } = sqliteDatabase();

  it('hears everything once and stays away when it knows the end', async () => {
    const { app } = await testApplication(databaseUrl, { engine: { tick_ms: 50 } });
    await app.listen(0, '127.0.0.1');
    const client = new Client(await app.getUrl());
    const options = { headers: { prefer: 'respond-async' } };
    const answer = await client.video({ model: 'mock/clip', prompt: 'a lynx [mock latency=1s progress]', seconds: '1' }, options);
    const source = new EventSource(`${client.url}/v1/generations/${answer.json<{ id: string }>().id}/events`);
    const heard: string[] = [];
    for (const type of ['status', 'progress', 'completed', 'failed', 'cancelled']) {
      source.addEventListener(`generation.${type}`, (event) => heard.push((event as MessageEvent).lastEventId));
    }
    await until(() => source.readyState === EventSource.CLOSED);
    expect(heard).toEqual([...new Set(heard)]);
    expect([heard[0], heard.at(-1)]).toEqual(['2.0', 'end']);
  });
});
