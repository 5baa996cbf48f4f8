import { beforeAll, describe, expect, it } from 'vitest';
import { MIGRATIONS } from '../../migrations/index.js';
import { ApiKeysRepository } from '../../src/domain/access/api-keys.repository.js';
import { ApiKeyEntity, KeyCapacities } from '../../src/domain/access/index.js';
import { AssetEntity } from '../../src/domain/storage/index.js';
import { AttemptEntity, type Lease, newAttempt } from '../../src/engine/generations/model/attempt.entity.js';
import { GenerationEntity } from '../../src/engine/generations/model/generation.entity.js';
import { CapacityRepository } from '../../src/engine/generations/store/capacity.repository.js';
import { CoalescedRequestsRepository } from '../../src/engine/generations/store/coalesced-requests.repository.js';
import { DeferredStepsRepository } from '../../src/engine/generations/store/deferred-steps.repository.js';
import { EndsRepository } from '../../src/engine/generations/store/ends.repository.js';
import { GenerationsRepository } from '../../src/engine/generations/store/generations.repository.js';
import { IdempotencyRepository } from '../../src/engine/generations/store/idempotency.repository.js';
import { type ClaimOrder, LeasesRepository } from '../../src/engine/generations/store/leases.repository.js';
import { type Admission, LifecycleRepository } from '../../src/engine/generations/store/lifecycle.repository.js';
import { Clock, newId } from '../../src/platform/common/index.js';
import { type Config, configSchema } from '../../src/platform/config/index.js';
import { Database, openDataSources, rows } from '../../src/platform/database/index.js';
import { BudgetDirectory, BudgetEntity, BudgetsRepository, Ledger, LedgerRepository } from '../../src/policy/budgets/index.js';
import { CacheEntriesRepository } from '../../src/policy/cache/index.js';
import { CapacityLimits } from '../../src/policy/limits/index.js';
import { databases } from '../support/databases.js';
import { addKey, spendingOf } from '../support/keys.js';

const NOW = 1_800_000_000_000;
const TENANT = { orgId: '00000000-0000-0000-0000-000000000001', appId: '00000000-0000-0000-0000-000000000002' };
const LEASE_MS = 30_000;
/** So that nobody claims it. */
const NEVER = 9_000_000_000_000;
const ENDED = { kind: 'ended', followers: [] };
const LOST = { kind: 'lease_lost' };

function generation(change: Partial<GenerationEntity> = {}): GenerationEntity {
  return Object.assign(new GenerationEntity(), {
    ...TENANT,
    id: newId('litegen-vid'),
    keyId: null,
    endUser: null,
    operation: 'video.generate' as const,
    mediaType: 'video' as const,
    model: 'mock/clip',
    requestedModel: 'mock/clip',
    provider: 'mock',
    status: 'queued' as const,
    progress: 0,
    request: { prompt: 'x', n: 1, params: {}, extra: {}, inputRoles: [], partialImages: 0, strict: true, dialect: 'openai' as const },
    receipt: { applied: [], mapped: [], emulated: [], dropped: [], unverified: [], rejected: [] },
    quote: {} as GenerationEntity['quote'],
    metadata: null,
    holdMicros: 0,
    holdState: 'held' as const,
    attemptCount: 0,
    deadlineAt: NOW + 600_000,
    requestId: null,
    traceParent: null,
    createdAt: NOW,
    startedAt: null,
    updatedAt: NOW,
    ...change,
  });
}

/** @param nextRunAt when its attempt is due */
function admission(row: GenerationEntity, nextRunAt = NOW): Admission {
  return { generation: row, attempts: [newAttempt(row, { callbackToken: null, nextRunAt, nowMs: NOW })], inputs: [], mayQueue: true };
}

/** Of the attempt with which it was admitted. */
function leaseOf({ generation: { id }, attempts: [attempt] }: Admission, token: number): Lease {
  return { attemptId: attempt?.id ?? '', generationId: id, token };
}

const NOT_SENT = { state: 'not_sent' as const, charged: 'no' };

describe.each(databases())('leases on $name', ({ url }) => {
  let replicas: LeasesRepository[];
  let generations: GenerationsRepository;
  let lifecycles: LifecycleRepository[];
  let database: Database;

  beforeAll(async () => {
    const config: Config = configSchema.parse({ database_url: url });
    const entities = [ApiKeyEntity, GenerationEntity, AttemptEntity, AssetEntity, BudgetEntity];
    // Each has its own connections, as processes do. SQLite has one process only.
    const sources = await Promise.all(
      Array.from({ length: url.startsWith('sqlite') ? 1 : 4 }, () => openDataSources(config, entities, MIGRATIONS)),
    );
    const opened = sources.map((source) => new Database(source));
    database = opened[0] as Database;
    await database.migrate();
    replicas = opened.map((one) => new LeasesRepository(one));
    generations = new GenerationsRepository(database, new CacheEntriesRepository(database), new CapacityRepository());
    lifecycles = opened.map(
      (one) =>
        new LifecycleRepository(
          one,
          new Ledger(new LedgerRepository()),
          new BudgetDirectory(new BudgetsRepository(one), new Clock()),
          new IdempotencyRepository(one),
          new CoalescedRequestsRepository(new CacheEntriesRepository(one)),
          new CapacityLimits(config, new KeyCapacities(new Clock(), new ApiKeysRepository(one))),
          new CapacityRepository(),
          new EndsRepository(
            one,
            new Ledger(new LedgerRepository()),
            new BudgetDirectory(new BudgetsRepository(one), new Clock()),
            new CoalescedRequestsRepository(new CacheEntriesRepository(one)),
            new CapacityLimits(config, new KeyCapacities(new Clock(), new ApiKeysRepository(one))),
            new CapacityRepository(),
            new DeferredStepsRepository(one),
          ),
        ),
    );
    return async () => {
      for (const one of opened) await one.close();
    };
  });

  const first = () => replicas[0] as LeasesRepository;

  async function claim(replica: LeasesRepository, order: Partial<ClaimOrder> & Pick<ClaimOrder, 'owner' | 'nowMs'>) {
    const queue = { provider: 'mock', state: 'queued' as const };
    const { claimed } = await replica.claim(queue, { leaseUntilMs: NOW + LEASE_MS, limit: 20, ...order });
    return claimed.map((one) => one.attempt);
  }
  const lifecycle = () => lifecycles[0] as LifecycleRepository;
  const attemptsOf = ({ id: generationId }: GenerationEntity) =>
    database.manager.getRepository<AttemptRow>(AttemptEntity).findBy({ generationId });

  it('never gives a generation to two claimers', async () => {
    const admitted = Array.from({ length: 300 }, () => generation());
    await Promise.all(admitted.map((row) => lifecycle().admit(admission(row))));
    const claims = await Promise.all(
      Array.from({ length: 24 }, (_unused, index) =>
        claim(replicas[index % replicas.length] as LeasesRepository, { owner: `replica-${index}`, nowMs: NOW }),
      ),
    );
    const ids = claims.flat().map(({ generationId }) => generationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toHaveLength(300);
    for (const row of claims.flat()) expect(row).toMatchObject({ leaseToken: 1, dueAt: NOW, nextRunAt: NOW + LEASE_MS });
    expect(await claim(first(), { owner: 'late', nowMs: NOW })).toEqual([]);
  });

  it('fences off every write of a replica whose lease was taken over', async () => {
    const row = generation();
    const admitted = admission(row, NOW + 1);
    await lifecycle().admit(admitted);
    const [mine] = await claim(first(), { owner: 'paused', nowMs: NOW + 1, leaseUntilMs: NOW + 2, limit: 1 });
    const [taken] = await claim(first(), { owner: 'other', nowMs: NOW + 3, limit: 1 });
    expect([mine?.leaseToken, taken?.leaseToken]).toEqual([1, 2]);
    const stale = leaseOf(admitted, 1);
    const end = { generation: row, attempt: NOT_SENT, nowMs: NOW, outputs: [], settlement: cancelled };
    expect(await generations.beginAttempt(stale, NOW, { ...row, limits: [] })).toBe(false);
    expect(await first().release(stale, { state: 'accepted', nextRunAtMs: NOW }, NOW)).toBe(false);
    expect(await lifecycle().settle({ ...end, lease: stale })).toEqual(LOST);
    expect((await first().heartbeat('paused', [stale.attemptId], NOW + LEASE_MS)).alive.size).toBe(0);
    expect(await generations.findAny(row.id)).toMatchObject({ status: 'queued' });
    expect(await attemptsOf(row)).toMatchObject([{ state: 'queued', leaseOwner: 'other', leaseToken: 2 }]);
    expect(await lifecycle().settle({ ...end, lease: leaseOf(admitted, 2) })).toEqual(ENDED);
  });

  it('writes an end once: terminal states never change', async () => {
    const row = generation();
    const admitted = admission(row, NOW + 5);
    await lifecycle().admit(admitted);
    const [claimed] = await claim(first(), { owner: 'one', nowMs: NOW + 5, limit: 1 });
    const lease = leaseOf(admitted, claimed?.leaseToken ?? -1);
    const end = { lease, generation: row, attempt: NOT_SENT, nowMs: NOW, outputs: [], settlement: cancelled };
    const ends = await Promise.all(Array.from({ length: 10 }, () => lifecycle().settle(end)));
    expect(ends.filter(({ kind }) => kind === 'ended')).toHaveLength(1);
    expect(ends.filter(({ kind }) => kind === 'lease_lost')).toHaveLength(9);
    expect(await generations.requestCancel(TENANT, row.id, NOW)).toBe(false);
    expect(await first().claimAllOf(row.id, 'x', NOW, NOW + 1)).toEqual([]);
  });

  it('holds exactly as much as a quota allows, however many ask at once', async () => {
    const keyId = newId('key');
    await addKey(database, keyId, 1_000_000, NOW);
    const asked = Array.from({ length: 100 }, () => admission(generation({ keyId, holdMicros: 40_000 }), NEVER));
    const results = await Promise.all(asked.map((one, index) => (lifecycles[index % lifecycles.length] as LifecycleRepository).admit(one)));
    expect(results.filter((result) => result.kind === 'admitted')).toHaveLength(25);
    const balance = () => spendingOf(database, keyId);
    expect(await balance()).toMatchObject({ heldMicros: 1_000_000, usedMicros: 0 });
    const [admitted] = asked.filter((_row, index) => results[index]?.kind === 'admitted') as [Admission];
    const settlement = { ...cancelled, status: 'completed' as const, costMicros: 30_000, holdState: 'settled' as const };
    const { generation: row } = admitted;
    await lifecycle().settle({ lease: leaseOf(admitted, 0), generation: row, attempt: NOT_SENT, nowMs: NOW, outputs: [], settlement });
    expect(await balance()).toMatchObject({ heldMicros: 960_000, usedMicros: 30_000 });
    const refused = asked.filter((_row, index) => results[index]?.kind === 'quota_exceeded');
    const ids = refused.map((one) => one.generation.id);
    expect(await rows(database.manager, 'SELECT id FROM generations WHERE id IN (:ids)', { ids })).toEqual([]);
  });

  it('judges each request and each end of a batch on its own', async () => {
    const keyId = newId('key');
    await addKey(database, keyId, 100_001, NOW);
    const asking = (holdMicros: number) => admission(generation({ keyId, holdMicros }), NEVER);
    // From now on the key's accounts are known, so that what follows comes to one batch in its order.
    await lifecycle().admit(asking(1));
    const repeated = newId('req');
    const admissions = [60_000, 50_000, 40_000, 1].map(asking).map((one, index): Admission => {
      const key = index === 1 ? newId('req') : repeated;
      const idempotency = { key, fingerprint: 'f', expiresAtMs: NOW + 1 };
      return { ...one, ...(index === 3 ? {} : { idempotency }) };
    });
    const results = await Promise.all(admissions.map((one) => lifecycle().admit(one)));
    expect(results).toMatchObject([
      { kind: 'admitted', remainingMicros: 40_000 },
      { kind: 'quota_exceeded', refusal: { requiredMicros: 50_000, remainingMicros: 40_000 } },
      { kind: 'duplicate' },
      { kind: 'admitted', remainingMicros: 39_999 },
    ]);
    // What was refused left its key free.
    const again = { ...(admissions[1] as Admission), ...asking(30_000) };
    expect(await lifecycle().admit(again)).toMatchObject({ kind: 'admitted' });
    const [dearest, last] = [admissions[0], again] as [Admission, Admission];
    const completed = { ...cancelled, status: 'completed' as const, costMicros: 5, costSource: 'catalog', holdState: 'settled' as const };
    const end = { attempt: NOT_SENT, nowMs: NOW + 7, outputs: [] };
    const ends = await Promise.all([
      lifecycle().settle({ ...end, lease: leaseOf(dearest, 0), generation: dearest.generation, settlement: completed }),
      lifecycle().settle({ ...end, lease: leaseOf(dearest, 0), generation: dearest.generation, settlement: completed }),
      lifecycle().settle({ ...end, lease: leaseOf(last, 9), generation: last.generation, settlement: cancelled }),
      lifecycle().settle({ ...end, lease: leaseOf(last, 0), generation: last.generation, settlement: cancelled }),
    ]);
    // Which of the first two is first is not said: it may be looked up meanwhile what the key allows.
    expect(ends.slice(0, 2)).toEqual(expect.arrayContaining([ENDED, LOST]));
    expect(ends.slice(2)).toEqual([LOST, ENDED]);
    expect(await generations.findAny(dearest.generation.id)).toMatchObject({
      status: 'completed',
      progress: 100,
      costMicros: 5,
      completedAt: NOW + 7,
    });
    expect(await generations.findAny(last.generation.id)).toMatchObject({ status: 'cancelled', holdState: 'released' });
    expect(await attemptsOf(last.generation)).toMatchObject([{ state: 'not_sent', nextRunAt: null }]);
    expect(await spendingOf(database, keyId)).toMatchObject({ heldMicros: 2, usedMicros: 5 });
  });

  it('migrates down to nothing and up again', async () => {
    const source = (await openDataSources(configSchema.parse({ database_url: url }), [], MIGRATIONS)).writer;
    for (const _migration of MIGRATIONS) await source.undoLastMigration();
    expect((await source.runMigrations()).map(({ name }) => name)).toEqual(MIGRATIONS.map(({ name }) => name));
    await source.destroy();
  });
});

const cancelled = {
  status: 'cancelled' as const,
  costMicros: 0,
  costSource: 'not_charged',
  holdState: 'released' as const,
  usage: null,
  failure: null,
};

/** The entity's type holds any JSON, whose conditions TypeScript would unfold without end. */
type AttemptRow = Omit<AttemptEntity, 'operation'> & { operation: never };
