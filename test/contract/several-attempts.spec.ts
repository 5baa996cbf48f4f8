import { beforeAll, describe, expect, it } from 'vitest';
import { Worker } from '../../src/engine/generations/execute/worker.service.js';
import type { AttemptEntity, GenerationEntity } from '../../src/engine/generations/index.js';
import { newAttempt } from '../../src/engine/generations/model/attempt.entity.js';
import type { AttemptOutcome } from '../../src/engine/generations/model/generation.types.js';
import type { Held } from '../../src/engine/generations/model/held.js';
import { GenerationsRepository } from '../../src/engine/generations/store/generations.repository.js';
import { LeasesRepository } from '../../src/engine/generations/store/leases.repository.js';
import { LifecycleRepository } from '../../src/engine/generations/store/lifecycle.repository.js';
import { newId } from '../../src/platform/common/index.js';
import { Database, rows } from '../../src/platform/database/index.js';
import { type TestApplication, testApplication } from '../support/application.js';
import { until } from '../support/client.js';
import { databases } from '../support/databases.js';
import { attemptRow, generationRow, seed } from '../support/generations.js';
import { addKey, spendingOf } from '../support/keys.js';

const HOLD_MICROS = 50_000;
const COST_MICROS = 40_000;
const LEASE_MS = 30_000;
const FAR_MS = 9_000_000_000_000;

const COMPLETED = {
  status: 'completed',
  costMicros: COST_MICROS,
  costSource: 'catalog',
  holdState: 'settled',
  usage: null,
  failure: null,
} as const;
const FAILED = {
  status: 'failed',
  costMicros: 0,
  costSource: 'not_charged',
  holdState: 'released',
  usage: null,
  failure: { code: 'provider_unavailable', message: 'The vendor is away.', details: { charged: 'no' } },
} as const;

describe.each(databases())('several attempts of one generation on $name', ({ name, url }) => {
  let replicas: TestApplication['app'][];

  beforeAll(async () => {
    // Two processes with connections of their own, where the database allows it.
    const count = name === 'sqlite' ? 1 : 2;
    replicas = [];
    for (let index = 0; index < count; index += 1) replicas.push((await testApplication(url)).app);
  });

  const at = (index: number) => replicas[index % replicas.length] as TestApplication['app'];
  const database = () => at(0).get(Database);

  /** A generation that was admitted with so many attempts, each held by a replica of its own. */
  async function admitted(count: number): Promise<{ keyId: string; generation: GenerationEntity; held: Held[] }> {
    const keyId = newId('key');
    await addKey(database(), keyId, 1_000_000, Date.now());
    const generation = generationRow({ keyId, status: 'queued', holdMicros: HOLD_MICROS, deadlineAt: FAR_MS });
    const attempts = Array.from({ length: count }, (_unused, index) =>
      Object.assign(newAttempt(generation, { callbackToken: null, nextRunAt: FAR_MS, nowMs: generation.createdAt }), {
        ordinal: index + 1,
      }),
    );
    const result = await at(0).get(LifecycleRepository).admit({ generation, attempts, inputs: [], mayQueue: true });
    expect(result.kind).toBe('admitted');
    const held = await Promise.all(
      attempts.map(({ id }, index) =>
        at(index)
          .get(LeasesRepository)
          .claimOne(id, `replica-${index}`, FAR_MS, FAR_MS + LEASE_MS),
      ),
    );
    return { keyId, generation, held: held as Held[] };
  }

  const begin = ({ lease, generation }: Held, index = 0) =>
    at(index)
      .get(GenerationsRepository)
      .beginAttempt(lease, Date.now(), { ...generation, limits: [] });
  const accept = ({ lease }: Held) =>
    at(0)
      .get(GenerationsRepository)
      .acceptAttempt(lease, { operation: { job: lease.attemptId }, warnings: [], nextRunAtMs: FAR_MS }, Date.now());
  const end = ({ lease, generation }: Held, state: AttemptOutcome, index = 0) =>
    at(index)
      .get(LifecycleRepository)
      .settle({
        lease,
        generation,
        settlement: state === 'succeeded' ? COMPLETED : FAILED,
        attempt: { state, charged: state === 'succeeded' ? 'yes' : 'no' },
        outputs: [],
        nowMs: Date.now(),
      });
  const generationNow = (id: string) => at(0).get(GenerationsRepository).findAny(id);
  const statesOf = async ({ id }: GenerationEntity) =>
    (
      await rows<Pick<AttemptEntity, 'state'>>(
        database().manager,
        'SELECT state FROM attempts WHERE generation_id = :id ORDER BY ordinal',
        { id },
      )
    ).map(({ state }) => state);

  it('have each a lease and an idempotency key of their own', async () => {
    const { generation, held } = await admitted(3);
    expect(new Set(held.map(({ attempt }) => attempt.id)).size).toBe(3);
    expect(held.map(({ attempt }) => [attempt.leaseOwner, attempt.leaseToken])).toEqual([0, 1, 2].map((index) => [`replica-${index}`, 1]));
    // Nobody gets what another one holds, and cancelling asks for all that are free.
    const claim = (id: string) => at(0).get(LeasesRepository).claimOne(id, 'late', Date.now(), FAR_MS);
    expect(await claim(held[1]?.attempt.id ?? '')).toBeNull();
    await at(0)
      .get(LeasesRepository)
      .release((held[1] as Held).lease, { state: 'queued', nextRunAtMs: FAR_MS }, Date.now());
    const free = await at(0).get(LeasesRepository).claimAllOf(generation.id, 'canceller', Date.now(), FAR_MS);
    expect(free.map(({ attempt }) => attempt.id)).toEqual([held[1]?.attempt.id]);
  });

  it('lead the generation by the furthest of them', async () => {
    const { generation, held } = await admitted(2);
    const [first, second] = held as [Held, Held];
    const seen = [];
    for (const step of [() => begin(first), () => begin(second), () => accept(second), () => end(second, 'failed')]) {
      await step();
      const { status, attemptCount } = (await generationNow(generation.id)) as GenerationEntity;
      seen.push([status, attemptCount]);
    }
    expect(seen).toEqual([
      ['dispatching', 1],
      ['dispatching', 2],
      ['running', 2],
      ['dispatching', 2],
    ]);
  });

  it('end it with the first that succeeds, whatever failed before', async () => {
    const { keyId, generation, held } = await admitted(3);
    const [first, second, third] = held as [Held, Held, Held];
    for (const one of held) expect(await begin(one)).toBe(true);
    expect(await end(first, 'failed')).toEqual({ kind: 'attempt_ended' });
    expect(await generationNow(generation.id)).toMatchObject({ status: 'dispatching', holdState: 'held', completedAt: null });
    expect(await spendingOf(database(), keyId)).toMatchObject({ heldMicros: HOLD_MICROS, usedMicros: 0 });
    expect(await end(second, 'succeeded')).toEqual({ kind: 'ended', followers: [] });
    // What comes later changes nothing but its own row.
    expect(await end(third, 'succeeded')).toEqual({ kind: 'attempt_ended' });
    expect(await end(third, 'failed')).toEqual({ kind: 'lease_lost' });
    expect(await generationNow(generation.id)).toMatchObject({ status: 'completed', costMicros: COST_MICROS, errorCode: null });
    expect(await statesOf(generation)).toEqual(['failed', 'succeeded', 'succeeded']);
    expect(await spendingOf(database(), keyId)).toMatchObject({ heldMicros: 0, usedMicros: COST_MICROS });
  });

  it('fail it together, once, also when they fail at the same moment', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { keyId, generation, held } = await admitted(4);
      for (const one of held) await begin(one);
      const results = await Promise.all(held.map((one, index) => end(one, 'failed', index)));
      expect(results.filter(({ kind }) => kind === 'ended')).toHaveLength(1);
      expect(results.filter(({ kind }) => kind === 'attempt_ended')).toHaveLength(3);
      expect(await generationNow(generation.id)).toMatchObject({ status: 'failed', errorCode: 'provider_unavailable' });
      expect(await spendingOf(database(), keyId)).toMatchObject({ heldMicros: 0, usedMicros: 0 });
    }
  });

  it('are charged once when two succeed at the same moment', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { keyId, generation, held } = await admitted(2);
      for (const one of held) await begin(one);
      const results = await Promise.all(held.map((one, index) => end(one, 'succeeded', index)));
      expect(results.map(({ kind }) => kind).sort()).toEqual(['attempt_ended', 'ended']);
      expect(await generationNow(generation.id)).toMatchObject({ status: 'completed', costMicros: COST_MICROS });
      expect(await spendingOf(database(), keyId)).toMatchObject({ heldMicros: 0, usedMicros: COST_MICROS });
    }
  });

  it('are not begun once another has ended the generation, and what outlives it is ended as well', async () => {
    const { generation, held } = await admitted(2);
    const [first, second] = held as [Held, Held];
    await begin(first);
    await end(first, 'succeeded');
    expect(await begin(second)).toBe(false);
    const ended = generationRow({ provider: 'mock', model: 'mock/clip', mediaType: 'video', operation: 'video.generate' });
    const outliving = (['queued', 'sent', 'accepted'] as const).map((state, index) =>
      attemptRow(ended, { state, ordinal: index + 1, nextRunAt: 1, charged: null, finishedAt: null, operation: { unknown: true } }),
    );
    await seed(database(), { generations: [ended], attempts: outliving });
    await at(0).get(LeasesRepository).release(second.lease, { state: 'queued', nextRunAtMs: 1 }, Date.now());
    await until(async () => {
      await at(0).get(Worker).tick();
      return [...(await statesOf(ended)), ...(await statesOf(generation))].every(
        (state) => !['queued', 'sent', 'accepted'].includes(state),
      );
    });
    expect(await statesOf(generation)).toEqual(['succeeded', 'not_sent']);
    expect((await statesOf(ended)).slice(0, 2)).toEqual(['not_sent', 'unknown']);
    expect(await generationNow(ended.id)).toMatchObject({ status: 'completed', costMicros: COST_MICROS });
  });
});
