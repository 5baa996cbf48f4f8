import { jsonReply, makeMp4 } from '@litegen/plugin-sdk/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { GenerationSignals } from '../../src/engine/generations/read/waiters.service.js';
import { rows } from '../../src/platform/database/index.js';
import { MetricsService } from '../../src/platform/metrics/index.js';
import { until } from '../support/client.js';
import { databases } from '../support/databases.js';
import { DELIVERED, PricedApplication } from '../support/priced-application.js';
import { breakTable, mend } from '../support/triggers.js';
import { receiver } from '../webhooks/receiver.js';

const PATIENCE = { timeout: 20_000 };

describe.each(databases())('an end on $name', ({ url }) => {
  const first = receiver();
  const second = receiver();
  let gateway: PricedApplication;

  beforeAll(async () => {
    gateway = await PricedApplication.start(url, {
      egress: { allow: [first.allowed, second.allowed] },
      cache: { enabled: true, models: ['openai-compatible/picture'] },
    });
  });
  afterEach(async () => {
    gateway.vendor.reset();
    for (const one of [first, second]) one.received.length = 0;
    const { data } = (await gateway.call('GET', '/v1/webhooks/endpoints')).json() as { data: { id: string }[] };
    for (const { id } of data) await gateway.call('DELETE', `/v1/webhooks/endpoints/${id}`);
  });
  afterAll(() => gateway.close());

  const execute = (text: string) => gateway.database.write((manager) => manager.query(text));
  const endpoint = async (to: string): Promise<string> => {
    const made = (await gateway.call('POST', '/v1/webhooks/endpoints', { url: to })).json() as { id: string };
    return made.id;
  };
  const delivered = async (): Promise<void> => {
    expect(await gateway.latest()).toMatchObject(DELIVERED);
    expect(gateway.vendor.requests).toHaveLength(1);
  };

  it.each(['null', '{', '"generation.completed"', '3', '[null]', ''])(
    'is written and told to the others though an endpoint’s event types are %j, and to that one when they are mended',
    async (broken) => {
      const id = await endpoint(first.url);
      await endpoint(second.url);
      await execute(`UPDATE webhook_endpoints SET event_types = '${broken}' WHERE id = '${id}'`);
      const answer = await gateway.picture({ prompt: `broken ${broken}` });
      expect(answer.statusCode).toBe(200);
      await delivered();
      await until(() => second.received.length > 0);
      expect(await gateway.deferred()).toEqual(['events']);
      expect(gateway.lines.some((line) => line.includes(id) && line.includes('event types'))).toBe(true);
      expect((await gateway.call('PATCH', `/v1/webhooks/endpoints/${id}`, { event_types: ['generation.completed'] })).statusCode).toBe(200);
      await expect.poll(() => first.received.length, PATIENCE).toBe(1);
      await expect.poll(() => gateway.deferred(), PATIENCE).toEqual([]);
      expect(second.ids()).toEqual(first.ids());
    },
  );

  it.each([
    ['webhook_messages', 'INSERT', 'events'],
    ['webhook_deliveries', 'INSERT', 'events'],
    ['cache_entries', 'UPDATE', 'cache'],
  ] as const)('is written though the statement on %s fails (%s), which is done again when it can be', async (table, on, step) => {
    await endpoint(first.url);
    await breakTable(gateway.database, { table, on });
    const answer = await gateway.picture({ prompt: `without ${table}` });
    await mend(gateway.database, table);
    expect(answer.statusCode).toBe(200);
    await delivered();
    expect(gateway.lines.some((line) => line.includes('failed beside the end') && line.includes(step))).toBe(true);
    await expect.poll(() => first.received.length, PATIENCE).toBe(1);
    await expect.poll(() => gateway.deferred(), PATIENCE).toEqual([]);
    expect(first.received).toHaveLength(1);
  });

  it('is written though the table of endpoints is gone, and told when it is back', async () => {
    await endpoint(first.url);
    // So that what is remembered of them does not help.
    const fresh = await endpoint(second.url);
    await execute('ALTER TABLE webhook_endpoints RENAME TO webhook_endpoints_gone');
    const answer = await gateway.picture({ prompt: 'without endpoints' });
    await delivered();
    await execute('ALTER TABLE webhook_endpoints_gone RENAME TO webhook_endpoints');
    expect([answer.statusCode, fresh]).toEqual([200, expect.any(String)]);
    await expect.poll(() => [first.received.length, second.received.length], PATIENCE).toEqual([1, 1]);
  });

  it('is written though even the note of what failed beside it cannot be', async () => {
    await endpoint(first.url);
    await breakTable(gateway.database, { table: 'webhook_messages', on: 'INSERT' });
    await breakTable(gateway.database, { table: 'deferred_steps', on: 'INSERT' });
    const answer = await gateway.picture({ prompt: 'without a note' });
    for (const table of ['webhook_messages', 'deferred_steps']) await mend(gateway.database, table);
    expect(answer.statusCode).toBe(200);
    await delivered();
    expect(gateway.lines.some((line) => line.includes('cannot be retried'))).toBe(true);
  });

  it('is written also where it is a hit of the cache', async () => {
    await gateway.picture({ prompt: 'again' });
    await endpoint(first.url);
    await breakTable(gateway.database, { table: 'webhook_messages', on: 'INSERT' });
    const hit = await gateway.picture({ prompt: 'again' });
    await mend(gateway.database, 'webhook_messages');
    expect([hit.statusCode, hit.headers['x-litegen-cache']]).toEqual([200, 'hit']);
    expect(gateway.vendor.requests).toHaveLength(1);
    await expect.poll(() => first.received.length, PATIENCE).toBe(1);
  });

  it('waits for its ledger, and keeps the result meanwhile', async () => {
    await breakTable(gateway.database, { table: 'ledger_entries', on: 'INSERT', when: `NEW.kind = 'settle'` });
    const answer = gateway.picture({ prompt: 'without a ledger' });
    await until(() => gateway.lines.some((line) => line.includes('is not written yet')));
    expect(await gateway.latest()).toMatchObject({ status: 'dispatching', settlements: 0, outputs: 0 });
    await mend(gateway.database, 'ledger_entries');
    expect((await answer).statusCode).toBe(200);
    await delivered();
  });

  it('neighbours of one that fails are not kept waiting', async () => {
    await breakTable(gateway.database, {
      table: 'generations',
      on: 'UPDATE',
      when: `NEW.status = 'completed' AND NEW.request LIKE '%unlucky%'`,
    });
    const unlucky = gateway.picture({ prompt: 'unlucky' });
    await until(() => gateway.lines.some((line) => line.includes('is not written yet')));
    const lucky = await Promise.all([1, 2, 3].map((number) => gateway.picture({ prompt: `lucky ${number}` })));
    expect(lucky.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
    await mend(gateway.database, 'generations');
    expect((await unlucky).statusCode).toBe(200);
    expect(gateway.vendor.requests).toHaveLength(4);
  });

  it('is written and told to the caller though counting it fails, and though somebody who waits for it throws', async () => {
    const metrics = gateway.app.get(MetricsService);
    const signals = gateway.app.get(GenerationSignals);
    const { generationEnded, generationCost } = metrics;
    const { listen } = signals;
    const broken = (): never => {
      throw new Error('this counter is broken');
    };
    Object.assign(metrics, { generationEnded: broken, generationCost: broken });
    signals.listen = (id, listener) => {
      listen.call(signals, id, broken);
      return listen.call(signals, id, listener);
    };
    const answer = await gateway.picture({ prompt: 'uncounted' });
    Object.assign(metrics, { generationEnded, generationCost });
    signals.listen = listen;
    expect(answer.statusCode).toBe(200);
    await delivered();
  });

  it('is written though the receipt of its admission cannot be read', async () => {
    let isDone = false;
    gateway.vendor.script({
      'POST /v1/videos': jsonReply(200, { id: 'film-1', status: 'queued' }),
      'GET /v1/videos/film-1': () => jsonReply(200, { id: 'film-1', status: isDone ? 'completed' : 'in_progress' }),
      'GET /v1/videos/film-1/content': { status: 200, headers: { 'content-type': 'video/mp4' }, body: makeMp4(4096) },
    });
    const made = (await gateway.call('POST', '/v1/videos', { model: 'openai-compatible/film', prompt: 'a boat' })).json() as { id: string };
    await execute(`UPDATE generations SET receipt = '{' WHERE id = '${made.id}'`);
    isDone = true;
    const status = async () =>
      (await rows<{ status: string }>(gateway.database.manager, `SELECT status FROM generations WHERE id = '${made.id}'`))[0]?.status;
    await expect.poll(status, PATIENCE).toBe('completed');
    gateway.pictures();
  });
});
