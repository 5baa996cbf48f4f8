import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_TENANT } from '../../src/domain/access/index.js';
import { DeliveriesRepository } from '../../src/engine/webhooks/delivery/deliveries.repository.js';
import { newDelivery, newMessage } from '../../src/engine/webhooks/delivery/new-message.js';
import { Retention } from '../../src/engine/webhooks/delivery/retention.service.js';
import { EndpointsRepository } from '../../src/engine/webhooks/endpoints/endpoints.repository.js';
import { Clock } from '../../src/platform/common/index.js';
import { Database, rows } from '../../src/platform/database/index.js';
import { until } from '../support/client.js';
import { sqliteDatabase } from '../support/databases.js';
import { type Answering, answering, receiver } from './receiver.js';
import { WebhooksApplication } from './webhooks-application.js';

/** Takes the request and never says a word. */
const TARPIT: Answering = () => undefined;
const EVENTS = 60;
const BACKLOG = 10_000;
const CONCURRENCY = 4;
const MS_PER_DAY = 86_400_000;

/** What piled up before. */
async function enqueue({ app }: WebhooksApplication, endpointId: string, count: number): Promise<void> {
  const endpoint = await app.get(EndpointsRepository).find(DEFAULT_TENANT, endpointId);
  if (endpoint === null) throw new Error('there is no such endpoint');
  const facts = { ...DEFAULT_TENANT, type: 'generation.completed', generationId: null, keyId: null, progress: null, body: '{}' } as const;
  const messages = Array.from({ length: count }, () => newMessage({ ...facts, createdAt: Date.now() }));
  const deliveries = messages.map((message) => newDelivery(message, { endpoint, url: null }));
  await app.get(Database).transaction((manager) => app.get(DeliveriesRepository).enqueue(manager, messages, deliveries));
}

describe('a receiver that only eats time', () => {
  const dead = receiver();
  const well = receiver();
  const { url } = sqliteDatabase();
  let gateway: WebhooksApplication;

  beforeAll(async () => {
    gateway = await WebhooksApplication.start(url, [dead, well], {
      endpoint_concurrency: CONCURRENCY,
      max_concurrent_deliveries: 8,
      timeout_seconds: 30,
    });
  });

  it('delays nobody else, and is never asked more than it may be asked', async () => {
    let most = 0;
    dead.answer = () => {
      most = Math.max(most, dead.waiting);
    };
    await enqueue(gateway, (await gateway.endpoint({ url: dead.url })).id, BACKLOG);
    const healthy = await gateway.endpoint({ url: well.url });
    for (let index = 0; index < EVENTS; index += 1) await gateway.picture();
    await until(() => well.received.length === EVENTS);
    expect(new Set(well.ids()).size).toBe(EVENTS);
    await until(async () => (await gateway.deliveries(healthy.id, '?state=delivered&per_page=100')).length === EVENTS);
    // The tarpit still holds the first that it got.
    expect(dead.waiting).toBe(CONCURRENCY);
    expect(dead.received).toHaveLength(CONCURRENCY);
    expect(most).toBe(CONCURRENCY);
  });
});

describe('a receiver that fails', () => {
  const failing = receiver();
  const other = receiver();
  const { url } = sqliteDatabase();
  let gateway: WebhooksApplication;

  beforeAll(async () => {
    gateway = await WebhooksApplication.start(url, [failing, other], {
      timeout_seconds: 0.3,
      retry_schedule_seconds: [0.05, 900],
      breaker_failures: 3,
      breaker_pause_seconds: 0.2,
      disable_after_seconds: 1,
      retention_days: 7,
    });
  });

  beforeEach(async () => {
    await gateway.clear();
    for (const one of [failing, other]) {
      one.received.length = 0;
      one.answer = answering(204);
    }
  });

  it('is given up on when it answers too late', async () => {
    const { id } = await gateway.endpoint({ url: failing.url });
    failing.answer = TARPIT;
    await gateway.picture();
    const [delivery] = await until(async () => {
      const found = await gateway.deliveries(id);
      return (found[0]?.attempts ?? 0) > 0 && found;
    });
    expect(delivery).toMatchObject({ state: 'pending', last_status: null });
    expect(delivery?.last_error).toMatch(/in time|did not finish/);
  });

  it('is probed once its breaker is open, and gets all that waited when it is well again', async () => {
    const { id } = await gateway.endpoint({ url: failing.url });
    failing.answer = answering(500);
    const events = 12;
    for (let index = 0; index < events; index += 1) await gateway.picture();
    const open = await until(async () => {
      const endpoint = await gateway.shown(id);
      return endpoint.paused_until !== null && endpoint;
    });
    expect(open.consecutive_failures).toBeGreaterThanOrEqual(3);
    failing.answer = answering(200);
    failing.received.length = 0;
    // Those that were tried already wait for their own time; the rest never were.
    await until(() => failing.received.length > 0);
    await gateway.done('POST', `/v1/webhooks/endpoints/${id}/redeliver`, { state: 'pending' });
    await until(async () => (await gateway.deliveries(id, '?state=delivered')).length === events);
    expect(await gateway.shown(id)).toMatchObject({ consecutive_failures: 0, paused_until: null, disabled_at: null });
  });

  it('is disabled when it has failed for long enough, with word to the other endpoints', async () => {
    const { id } = await gateway.endpoint({ url: failing.url });
    await gateway.endpoint({ url: other.url, event_types: ['endpoint.disabled'] });
    failing.answer = answering(500);
    for (let index = 0; index < 8; index += 1) await gateway.picture();
    await until(() => other.received.length > 0);
    expect(JSON.parse(other.received[0]?.body ?? '')).toMatchObject({
      type: 'endpoint.disabled',
      data: { endpoint_id: id, reason: 'failing', failing_since: expect.any(String), last_status: 500 },
    });
    expect(await gateway.shown(id)).toMatchObject({ disabled_reason: 'failing' });
    const deliveries = await gateway.deliveries(id);
    expect(deliveries.every(({ state }) => state === 'dead')).toBe(true);
    const metrics = await gateway.app.inject({ url: '/metrics' });
    expect(metrics.body).toMatch(/litegen_webhook_endpoints_disabled_total\{reason="failing"\} 1/);
    expect(metrics.body).toMatch(/litegen_webhook_attempt_duration_seconds_count\{outcome="failure"\} [1-9]/);
  });

  it('leaves a log that is forgotten after its time', async () => {
    const { id } = await gateway.endpoint({ url: other.url });
    await gateway.picture();
    const [delivery] = await until(async () => {
      const found = await gateway.deliveries(id, '?state=delivered');
      return found.length > 0 && found;
    });
    const { manager } = gateway.app.get(Database);
    const count = async (table: string) => Number((await rows<{ n: number }>(manager, `SELECT COUNT(*) AS n FROM ${table}`))[0]?.n);
    const clock = gateway.app.get(Clock);
    const realNowMs = clock.nowMs.bind(clock);
    try {
      clock.nowMs = () => realNowMs() + 6.9 * MS_PER_DAY;
      expect(await gateway.app.get(Retention).purge()).toBe(0);
      clock.nowMs = () => realNowMs() + 7.1 * MS_PER_DAY;
      expect(await gateway.app.get(Retention).purge()).toBeGreaterThan(0);
    } finally {
      clock.nowMs = realNowMs;
    }
    for (const table of ['webhook_messages', 'webhook_deliveries', 'webhook_attempts']) expect(await count(table)).toBe(0);
    expect((await gateway.call('GET', `/v1/webhooks/deliveries/${delivery?.id}`)).status).toBe(404);
  });
});

describe('what waits for its turn in a process', () => {
  const one = receiver();
  const { url } = sqliteDatabase();
  const events = 4;
  const settings = { endpoint_concurrency: 1, retry_schedule_seconds: [900] };

  const leased = async ({ app }: WebhooksApplication) =>
    rows(app.get(Database).manager, 'SELECT id FROM webhook_deliveries WHERE lease_owner IS NOT NULL');

  it('goes back to the outbox when its receiver asks for a pause, and when the process ends', async () => {
    const gateway = await WebhooksApplication.start(url, [one], settings);
    const respond: (() => void)[] = [];
    one.answer = (response) => void respond.push(() => response.writeHead(429, { 'retry-after': '900' }).end());
    const { id } = await gateway.endpoint({ url: one.url });
    await enqueue(gateway, id, events);
    await until(() => one.waiting === 1);
    await until(async () => (await leased(gateway)).length === events);
    respond[0]?.();
    await until(async () => (await leased(gateway)).length === 0);
    expect((await gateway.shown(id)).paused_until).not.toBeNull();
    expect(one.received).toHaveLength(1);

    one.answer = (response) => void respond.push(() => response.writeHead(204).end());
    await gateway.done('PATCH', `/v1/webhooks/endpoints/${id}`, { disabled: false });
    await until(() => one.waiting === 1);
    await until(async () => (await leased(gateway)).length === events - 1);
    const closed = gateway.running.close();
    respond[1]?.();
    await closed;
    expect(one.received).toHaveLength(2);

    one.answer = answering(204);
    // Nobody waits for the leases of a process that ended in order.
    const next = await WebhooksApplication.start(url, [one], settings);
    await until(async () => (await next.deliveries(id, '?state=delivered')).length === events - 1);
    expect(new Set(one.ids()).size).toBe(events);
  });
});

describe('a process that ends', () => {
  const slow = receiver();
  const { url } = sqliteDatabase();

  it('lets arrive what is under way', async () => {
    const gateway = await WebhooksApplication.start(url, [slow]);
    let release = (): void => undefined;
    slow.answer = (response) => {
      release = () => response.writeHead(200).end();
    };
    const { id } = await gateway.endpoint({ url: slow.url });
    await gateway.picture();
    await until(() => slow.waiting === 1);
    const closed = gateway.running.close();
    release();
    await closed;
    const again = await WebhooksApplication.start(url, [slow]);
    expect(await again.deliveries(id)).toMatchObject([{ state: 'delivered', attempts: 1 }]);
  });
});
