import { beforeAll, describe, expect, it } from 'vitest';
import { MIGRATIONS } from '../../../../migrations/index.js';
import { databases } from '../../../../test/support/databases.js';
import { ApiKeyEntity, DEFAULT_TENANT } from '../../../domain/access/index.js';
import { type Config, configSchema } from '../../../platform/config/index.js';
import { Database, openDataSources } from '../../../platform/database/index.js';
import { EndpointsRepository } from '../endpoints/endpoints.repository.js';
import { newWebhookId } from '../endpoints/ids.js';
import { HEALTHY } from '../endpoints/retry.policy.js';
import { WebhookEndpointEntity } from '../endpoints/webhook-endpoint.entity.js';
import { DeliveriesRepository, type DeliveryEnd } from './deliveries.repository.js';
import { newDelivery, newMessage } from './new-message.js';
import { WebhookAttemptEntity } from './webhook-attempt.entity.js';
import { WebhookDeliveryEntity } from './webhook-delivery.entity.js';
import { WebhookMessageEntity } from './webhook-message.entity.js';

const NOW = 1_800_000_000_000;
const LEASE_MS = 30_000;
const ENTITIES = [ApiKeyEntity, WebhookAttemptEntity, WebhookDeliveryEntity, WebhookEndpointEntity, WebhookMessageEntity];

function endpoint(): WebhookEndpointEntity {
  return Object.assign(new WebhookEndpointEntity(), {
    ...DEFAULT_TENANT,
    id: newWebhookId('we'),
    kind: 'application',
    keyId: null,
    url: 'https://example.com/',
    description: null,
    eventTypes: ['generation.completed'],
    allowRequestUrls: false,
    algorithm: 'hmac-sha256',
    secret: 'sealed',
    publicKey: null,
    disabledAt: null,
    ...HEALTHY,
    createdAt: NOW,
    updatedAt: NOW,
  });
}

describe.each(databases())('the outbox on $name', ({ url }) => {
  let database: Database;
  let replicas: DeliveriesRepository[];
  let endpoints: EndpointsRepository;

  beforeAll(async () => {
    const config: Config = configSchema.parse({ database_url: url });
    // Each has its own connections, as processes do. SQLite has one process only.
    const sources = await Promise.all(
      Array.from({ length: url.startsWith('sqlite') ? 1 : 4 }, () => openDataSources(config, ENTITIES, MIGRATIONS)),
    );
    const opened = sources.map((source) => new Database(source));
    database = opened[0] as Database;
    await database.migrate();
    replicas = opened.map((one) => new DeliveriesRepository(one));
    endpoints = new EndpointsRepository(database);
    return async () => {
      for (const one of opened) await one.close();
    };
  });

  const first = () => replicas[0] as DeliveriesRepository;

  async function enqueue(target: WebhookEndpointEntity, count: number): Promise<string[]> {
    const made = Array.from({ length: count }, () => {
      const message = newMessage({
        ...DEFAULT_TENANT,
        type: 'generation.completed',
        generationId: null,
        keyId: null,
        progress: null,
        body: '{"naïve":"✓"}',
        createdAt: NOW,
      });
      return { message, delivery: newDelivery(message, { endpoint: target, url: null }) };
    });
    await database.transaction(async (manager) => {
      await first().enqueue(
        manager,
        made.map(({ message }) => message),
        made.map(({ delivery }) => delivery),
      );
    });
    return made.map(({ delivery }) => delivery.id);
  }

  async function withEndpoint(): Promise<WebhookEndpointEntity> {
    const made = endpoint();
    await database.write((manager) => endpoints.insert(manager, made));
    return made;
  }

  const delivered = (id: string, leaseToken: number): DeliveryEnd => ({
    id,
    leaseToken,
    state: 'delivered',
    retryStep: 1,
    nextAttemptAt: null,
    lastStatus: 200,
    lastError: null,
  });
  const finish = async (end: DeliveryEnd) => (await database.transaction((manager) => first().finish(manager, [end], NOW)))[0];

  it('never gives a delivery to two claimers', async () => {
    const target = await withEndpoint();
    const ids = await enqueue(target, 1_300);
    const claims = await Promise.all(
      Array.from({ length: 30 }, (_unused, index) =>
        (replicas[index % replicas.length] as DeliveriesRepository).claim(target.id, `replica-${index}`, NOW, NOW + LEASE_MS, 50),
      ),
    );
    const claimed = claims.flat();
    expect(claimed.map(({ id }) => id).sort()).toEqual(ids.sort());
    expect(claimed.every(({ leaseToken, body }) => leaseToken === 1 && body === '{"naïve":"✓"}')).toBe(true);
    expect(await first().dueEndpoints(NOW, [], 10)).toEqual([]);
  });

  it('hands a delivery on when its lease ends, and fences off whoever had it', async () => {
    const target = await withEndpoint();
    const [id = ''] = await enqueue(target, 1);
    await first().claim(target.id, 'paused', NOW, NOW + LEASE_MS, 1);
    expect(await first().claim(target.id, 'early', NOW + 1, NOW + LEASE_MS, 1)).toEqual([]);
    const [taken] = await first().claim(target.id, 'other', NOW + LEASE_MS, NOW + 2 * LEASE_MS, 1);
    expect(taken).toMatchObject({ id, leaseToken: 2 });
    expect(await finish(delivered(id, 1))).toBe(false);
    expect(await finish(delivered(id, 2))).toBe(true);
    expect(await finish(delivered(id, 2))).toBe(false);
  });

  it('takes back what was not sent, from whoever still has the lease', async () => {
    const target = await withEndpoint();
    await enqueue(target, 2);
    const [ours, lost] = await first().claim(target.id, 'busy', NOW, NOW + LEASE_MS, 2);
    if (ours === undefined || lost === undefined) throw new Error('nothing was claimed');
    await first().handBack([ours, { ...lost, leaseToken: lost.leaseToken - 1 }], NOW + 1);
    expect(await finish(delivered(ours.id, ours.leaseToken))).toBe(true);
    await first().handBack([ours], NOW + 1);
    expect(await first().claim(target.id, 'other', NOW + 1, NOW + LEASE_MS, 2)).toEqual([]);
    await first().handBack([lost], NOW + 1);
    const [taken] = await first().claim(target.id, 'other', NOW + 1, NOW + LEASE_MS, 2);
    expect(taken).toMatchObject({ id: lost.id, leaseToken: lost.leaseToken + 1, attemptCount: 0 });
  });

  it('names what is due: working endpoints first, without those that are paused, disabled or busy', async () => {
    const [well, sick, paused, disabled, busy] = await Promise.all(Array.from({ length: 5 }, () => withEndpoint()));
    const all = [well, sick, paused, disabled, busy].flatMap((made) => (made === undefined ? [] : [made]));
    await enqueue(sick as WebhookEndpointEntity, 1);
    for (const one of all) await enqueue(one, 1);
    await database.write(async (manager) => {
      await endpoints.writeHealth(
        manager,
        sick?.id ?? '',
        { ...HEALTHY, consecutiveFailures: 2, failingSince: NOW, lastFailureAt: NOW },
        NOW,
      );
      await endpoints.writeHealth(manager, paused?.id ?? '', { ...HEALTHY, pausedUntil: NOW + 1 }, NOW);
      await endpoints.disable(manager, disabled?.id ?? '', 'manual', NOW);
    });
    const due = async (nowMs: number) => (await first().dueEndpoints(nowMs, [busy?.id ?? ''], 10)).map(({ id }) => id);
    expect(await due(NOW)).toEqual([well?.id, sick?.id]);
    expect(await due(NOW + 1)).toEqual(expect.arrayContaining([paused?.id]));
    const probes = await Promise.all([1, 2, 3].map(() => endpoints.takeProbe(paused?.id ?? '', NOW + 1, NOW + LEASE_MS)));
    expect(probes.filter(Boolean)).toHaveLength(1);
  });

  it('writes a message with its event or not at all', async () => {
    const target = await withEndpoint();
    const message = newMessage({
      ...DEFAULT_TENANT,
      type: 'generation.completed',
      generationId: 'litegen-img-1',
      keyId: null,
      progress: 100,
      body: '{}',
      createdAt: NOW,
    });
    const write = (rollBack: boolean) =>
      database.transaction(async (manager) => {
        await first().enqueue(manager, [message], [newDelivery(message, { endpoint: target, url: null })]);
        if (rollBack) throw new Error('the end was not written');
      });
    await expect(write(true)).rejects.toThrow('the end was not written');
    expect(await first().claim(target.id, 'x', NOW, NOW + LEASE_MS, 1)).toEqual([]);
    await write(false);
    expect(await first().claim(target.id, 'x', NOW, NOW + LEASE_MS, 1)).toHaveLength(1);
    // The same end is never announced twice.
    await expect(
      database.transaction((manager) => first().enqueue(manager, [{ ...message, id: newWebhookId('msg') }], [])),
    ).rejects.toThrow(/unique/i);
  });

  it('migrates down to nothing and up again', async () => {
    const source = (await openDataSources(configSchema.parse({ database_url: url }), [], MIGRATIONS)).writer;
    const tables = async () => {
      const runner = source.createQueryRunner();
      const found = await Promise.all(['webhook_attempts', 'webhook_endpoints'].map((table) => runner.hasTable(table)));
      await runner.release();
      return found;
    };
    const index = MIGRATIONS.findIndex(({ name }) => name.startsWith('Webhooks'));
    for (let undone = MIGRATIONS.length; undone > index; undone -= 1) await source.undoLastMigration();
    expect(await tables()).toEqual([false, false]);
    await source.runMigrations();
    expect(await tables()).toEqual([true, true]);
    await source.destroy();
  });
});
