import { beforeAll, describe, expect, it } from 'vitest';
import type { AttemptEntity, GenerationEntity } from '../../src/engine/generations/index.js';
import { leaseOf as leaseOfAttempt } from '../../src/engine/generations/model/attempt.entity.js';
import {
  type ActiveState,
  type GenerationStatus,
  isTerminal,
  STATE_OF,
  STATUSES,
  TERMINAL_STATUSES,
  TRANSITIONS,
  type TransitionEvent,
} from '../../src/engine/generations/model/transitions.js';
import { CacheHitsRepository } from '../../src/engine/generations/store/cache-hits.repository.js';
import { CoalescedRequestsRepository } from '../../src/engine/generations/store/coalesced-requests.repository.js';
import { EndsRepository } from '../../src/engine/generations/store/ends.repository.js';
import { GenerationsRepository } from '../../src/engine/generations/store/generations.repository.js';
import { LeasesRepository } from '../../src/engine/generations/store/leases.repository.js';
import { LifecycleRepository } from '../../src/engine/generations/store/lifecycle.repository.js';
import { IS_ACTIVE, stateIs } from '../../src/engine/generations/store/status-conditions.js';
import { newId } from '../../src/platform/common/index.js';
import { Database, rows } from '../../src/platform/database/index.js';
import { CacheEntriesRepository } from '../../src/policy/cache/index.js';
import { type TestApplication, testApplication } from '../support/application.js';
import { databases } from '../support/databases.js';
import { attemptRow, generationRow, SEED_TIME_MS as NOW, seed } from '../support/generations.js';

type FirstEvent = 'enqueue' | 'start' | 'reuse';
type LaterEvent = Exclude<TransitionEvent, FirstEvent>;

interface Row {
  readonly generation: GenerationEntity;
  readonly attempt: AttemptEntity;
}

const ALL_STATUSES = Object.keys(STATUSES) as GenerationStatus[];
const EVENTS = Object.keys(TRANSITIONS) as TransitionEvent[];
const isFirst = (event: TransitionEvent): event is FirstEvent => event === 'enqueue' || event === 'start' || event === 'reuse';

describe.each(databases())('transitions of a generation on $name', ({ name, url }) => {
  let app: TestApplication['app'];
  let database: Database;

  beforeAll(async () => {
    ({ app } = await testApplication(url));
    database = app.get(Database);
  });

  const leaseOf = ({ attempt }: Row) => leaseOfAttempt(attempt);
  const release = (row: Row, state: ActiveState) =>
    app.get(LeasesRepository).release(leaseOf(row), { state, progress: 0, nextRunAtMs: NOW }, NOW);
  const end = (row: Row, status: (typeof TERMINAL_STATUSES)[number]) =>
    app.get(EndsRepository).settle(
      {
        lease: leaseOf(row),
        ...row,
        attempt: { state: 'unknown', charged: 'no' },
        settlement: { ...UNCHARGED, status },
        outputs: [],
        nowMs: NOW,
      },
      undefined,
    );

  /** Each event as the engine writes it. */
  const write: Readonly<Record<LaterEvent, (row: Row) => Promise<unknown>>> = {
    begin: (row) => app.get(GenerationsRepository).beginAttempt(leaseOf(row), NOW, { ...row.generation, limits: [] }),
    share: ({ generation }) =>
      database.transaction((manager) =>
        app.get(CoalescedRequestsRepository).end(manager, [
          {
            generation: generationRow({ id: generation.cachedFrom ?? '', cacheKey: `key of ${generation.id}` }),
            settlement: { status: 'completed' },
            outputs: [{}],
            followers: [{ generation: Object.assign(generationRow(), generation, { completedAt: NOW }), outputs: [] }],
            nowMs: NOW,
          },
        ]),
      ),
    retry: (row) => {
      const failed = { state: 'not_sent' as const, charged: 'no' };
      const attempt = attemptRow(row.generation, { state: 'queued' });
      return app.get(GenerationsRepository).requeue(leaseOf(row), failed, { attempt, limits: [] }, NOW);
    },
    accept: (row) => app.get(GenerationsRepository).acceptAttempt(leaseOf(row), { operation: {}, warnings: [], nextRunAtMs: NOW }, NOW),
    ingest: (row) => app.get(GenerationsRepository).startIngesting(leaseOf(row), { outputs: [] }, NOW),
    resubmit: (row) => release(row, 'sent'),
    resume: (row) => release(row, 'accepted'),
    complete: (row) => end(row, 'completed'),
    fail: (row) => end(row, 'failed'),
    cancel: (row) => end(row, 'cancelled'),
  };

  const statusOf = async (id: string): Promise<GenerationStatus> => {
    const found = await rows<{ status: GenerationStatus }>(database.manager, 'SELECT status FROM generations WHERE id = :id', { id });
    return (found[0] as { status: GenerationStatus }).status;
  };

  /** Every status that a generation has after a write, by what it had before and who wrote. */
  async function writeAll(): Promise<{ event: LaterEvent; from: GenerationStatus; after: GenerationStatus }[]> {
    const seen = [];
    for (const event of EVENTS) {
      if (isFirst(event)) continue;
      for (const from of ALL_STATUSES) {
        const isShared = event === 'share';
        const generation = generationRow({ status: from, holdMicros: 0, ...(isShared ? { cachedFrom: newId('litegen-img') } : {}) });
        const state = isTerminal(from) ? 'succeeded' : STATE_OF[from];
        const attempt = attemptRow(generation, { state, leaseToken: 1, leaseOwner: isShared ? null : 'this test' });
        await seed(database, { generations: [generation], attempts: [attempt] });
        await write[event]({ generation, attempt });
        seen.push({ event, from, after: await statusOf(generation.id) });
      }
    }
    return seen;
  }

  it('writes each transition of the table, and no other', async () => {
    const pair = (from: string, to: string): string => `${from} to ${to}`;
    const known = new Set(Object.values(TRANSITIONS).flatMap(({ from, to }) => from.map((source) => pair(source, to))));
    const seen = await writeAll();
    expect(seen.filter(({ from, after }) => from !== after && !known.has(pair(from, after)))).toEqual([]);
    for (const event of EVENTS) {
      if (isFirst(event)) continue;
      const { from, to } = TRANSITIONS[event];
      for (const source of from) expect(seen, `${event} from ${source}`).toContainEqual({ event, from: source, after: to });
    }
    const ended = seen.filter(({ from }) => (TERMINAL_STATUSES as readonly string[]).includes(from));
    expect(ended.filter(({ from, after }) => from !== after)).toEqual([]);
  });

  it('begins with what is admitted, or with what the cache has', async () => {
    const hold = { holdMicros: 0, holdState: 'released' as const };
    for (const event of ['enqueue', 'start'] as const) {
      const generation = generationRow({ ...hold, status: TRANSITIONS[event].to });
      await app
        .get(LifecycleRepository)
        .admit({ generation, attempts: [attemptRow(generation, { state: STATE_OF[TRANSITIONS[event].to] })], inputs: [], mayQueue: true });
      expect(await statusOf(generation.id)).toBe(TRANSITIONS[event].to);
    }
    const cacheKey = newId('req');
    const made = generationRow();
    const { orgId, appId } = made;
    const entry = { cacheKey, generationId: made.id };
    await seed(database, { generations: [made] });
    await database.transaction(async (manager) => {
      const entries = app.get(CacheEntriesRepository);
      await entries.claim(manager, [{ ...entry, orgId, appId, ttlMs: 60_000, maxAgeMs: 60_000, nowMs: NOW, endsByMs: NOW + 60_000 }]);
      await entries.end(manager, [{ ...entry, outcome: 'completed', nowMs: NOW }]);
    });
    const generation = generationRow({ ...hold, cacheKey, cachedFrom: made.id });
    const result = { generationId: made.id, completedAtMs: NOW, outputs: [], warnings: [] };
    const use = { kind: 'use' as const, ttlMs: 60_000, maxAgeMs: 60_000 };
    await app.get(CacheHitsRepository).write({ generation, inputs: [], outputs: [], result, use, idempotency: IDEMPOTENCY });
    expect(await statusOf(generation.id)).toBe(TRANSITIONS.reuse.to);
  });

  it.runIf(name === 'sqlite')('states its conditions as the partial indices do', async () => {
    const plan = async (table: string, condition: string) =>
      JSON.stringify(await rows(database.manager, `EXPLAIN QUERY PLAN SELECT id FROM ${table} WHERE ${condition}`));
    expect(await plan('generations', `app_id = 'a' AND key_id = 'a' AND ${IS_ACTIVE}`)).toContain('generations_under_way_by_caller');
    expect(await plan('attempts', `waits_for = 'a' AND ${stateIs('queued')}`)).toContain('attempts_waiting');
  });
});

const UNCHARGED = { costMicros: 0, costSource: 'not_charged', holdState: 'released', usage: null, failure: null } as const;
const IDEMPOTENCY = { fingerprint: 'f', expiresAtMs: NOW };
