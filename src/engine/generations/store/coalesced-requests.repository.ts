import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { dialectOf, rows, skipLocked } from '../../../platform/database/index.js';
import { CacheEntriesRepository, type CacheUse } from '../../../policy/cache/index.js';
import { type AttemptEntity, type Lease, queuedAttempt } from '../model/attempt.entity.js';
import type { GenerationRecord } from '../model/end.js';
import { GenerationEntity, leads, UNSENT } from '../model/generation.entity.js';
import { type GenerationStatus, isTerminal, type Settlement, SHARED } from '../model/generation.types.js';
import { stateIs, statusAllows, statusIs } from './status-conditions.js';

/** A wait is ended by whom it waits for; this is for the case that nobody does. */
const LOOK_AGAIN_MS = 30_000;
/** A leader ends by its deadline, give or take the time of a replica to take it up. */
const SLACK_MS = 3_600_000;

/** What a generation that may use another's result does instead of asking the vendor. */
export type JoinOutcome =
  | { readonly kind: 'following'; readonly generation: GenerationEntity; readonly leaderId: string }
  | { readonly kind: 'cached'; readonly generationId: string };

/** What becomes of a follower whose leader ended without a result. `alone`: there is nothing to lead any more. */
export type Promotion = { readonly kind: 'leads' | 'alone' } | { readonly kind: 'following'; readonly leaderId: string };

/** A follower whose lease is given up until its leader ends. */
export interface WaitingFollower {
  readonly lease: Lease;
  readonly leaderId: string;
  /** Whom it followed before. */
  readonly followed: string | null;
  readonly nowMs: number;
  readonly deadlineAtMs: number;
}

interface Asking {
  readonly generation: GenerationEntity;
  readonly cache?: CacheUse;
}

interface Ended {
  readonly generation: GenerationEntity;
  readonly settlement: Pick<Settlement, 'status'>;
  readonly outputs: readonly unknown[];
  /** Those that may end with it. */
  readonly followers: readonly GenerationRecord[];
  readonly nowMs: number;
}

/** Generations of the same request share one vendor call: the first leads, the others follow it. All inside transactions of the engine. */
@Injectable()
export class CoalescedRequestsRepository {
  constructor(private readonly entries: CacheEntriesRepository) {}

  /** Joins requests to a running or completed call of the same request. @returns those that need no vendor call of their own */
  async join<T extends Asking>(manager: EntityManager, asking: readonly T[]): Promise<ReadonlyMap<T, JoinOutcome>> {
    const joined = new Map<T, JoinOutcome>();
    const outcomes = await this.entries.claim(
      manager,
      asking.flatMap(({ generation, cache }) => {
        const { id: generationId, orgId, appId, cacheKey, createdAt: nowMs, deadlineAt } = generation;
        if (cache === undefined || cacheKey === null) return [];
        const { ttlMs, maxAgeMs } = cache;
        return [{ cacheKey, orgId, appId, generationId, ttlMs, maxAgeMs, nowMs, endsByMs: deadlineAt + SLACK_MS }];
      }),
    );
    for (const item of asking) {
      const outcome = outcomes.get(item.generation.id);
      if (outcome?.kind === 'completed') joined.set(item, { kind: 'cached', generationId: outcome.generationId });
      if (outcome?.kind !== 'running') continue;
      const { generationId: leaderId } = outcome;
      joined.set(item, { kind: 'following', leaderId, generation: followerOf(item.generation, leaderId) });
    }
    return joined;
  }

  /** It was refused after all. */
  async withdraw(manager: EntityManager, { id: generationId, cacheKey }: GenerationEntity): Promise<void> {
    if (cacheKey !== null) await this.entries.remove(manager, { cacheKey, generationId });
  }

  /**
   * Notes the results of those who led, ends the followers that may end with them, and wakes the others on whatever replica.
   * @returns the followers whose ends were written
   */
  async end(manager: EntityManager, ended: readonly Ended[]): Promise<readonly GenerationRecord[]> {
    const ends = ended.flatMap(({ generation, settlement, outputs, nowMs }) => {
      const { cacheKey, id: generationId } = generation;
      if (cacheKey === null || !leads(generation)) return [];
      const { status } = settlement;
      const whole = status === 'completed' && outputs.length >= generation.request.n;
      return [{ cacheKey, generationId, nowMs, outcome: whole ? 'completed' : status === 'failed' ? 'failed' : 'abandoned' } as const];
    });
    const [first] = ends;
    if (first === undefined) return [];
    // The entries first: their locks make sure that everybody who still follows is seen by the next statement.
    await this.entries.end(manager, ends);
    const whole = new Set(ends.flatMap(({ generationId, outcome }) => (outcome === 'completed' ? [generationId] : [])));
    const shared = await this.share(
      manager,
      ended.flatMap(({ generation, followers }) => (whole.has(generation.id) ? followers : [])),
    );
    await rows(
      manager,
      `UPDATE attempts SET next_run_at = :nowMs
       WHERE generation_id IN (SELECT id FROM generations WHERE cached_from IN (:leaders) AND ${statusIs('queued')})
         AND ${stateIs('queued')} AND lease_owner IS NULL RETURNING id`,
      { nowMs: first.nowMs, leaders: ends.map(({ generationId }) => generationId) },
    );
    return shared;
  }

  /** Notes the result of one that led when that failed at its end. Those who follow it take their result themselves. */
  async endLate(manager: EntityManager, generation: GenerationEntity, outputs: readonly unknown[], nowMs: number): Promise<void> {
    if (!isTerminal(generation.status)) return;
    await this.end(manager, [{ generation, settlement: { status: generation.status }, outputs, followers: [], nowMs }]);
  }

  /** One that was taken up, is to be cancelled or is past its deadline goes its own way. */
  private async share(manager: EntityManager, followers: readonly GenerationRecord[]): Promise<readonly GenerationRecord[]> {
    if (followers.length === 0) return [];
    const written = await rows<{ id: string }>(
      manager,
      `WITH :shared UPDATE generations SET status = :status, progress = 100, cost_micros = :costMicros, cost_source = :costSource,
         hold_state = :holdState, completed_at = CAST(shared.at AS BIGINT), updated_at = CAST(shared.at AS BIGINT)
       FROM shared WHERE id = shared.follower AND cached_from = shared.leader AND ${statusAllows('share')}
         AND cancel_requested_at IS NULL AND deadline_at > CAST(shared.at AS BIGINT) AND EXISTS (SELECT 1 FROM attempts
           WHERE attempts.generation_id = generations.id AND ${stateIs('queued')} AND lease_owner IS NULL AND next_run_at IS NOT NULL) RETURNING id`,
      {
        ...{ status: SHARED.status, costMicros: SHARED.costMicros, costSource: SHARED.costSource, holdState: SHARED.holdState },
        shared: followers.map(({ generation: { id, cachedFrom, completedAt } }) => ({ follower: id, leader: cachedFrom, at: completedAt })),
      },
    );
    const ids = new Set(written.map(({ id }) => id));
    if (ids.size > 0) {
      // One that is taken up this moment learns from the generation that it is too late.
      await rows(
        manager,
        `UPDATE attempts SET state = 'not_sent', charged = 'no', next_run_at = NULL, finished_at = :atMs, updated_at = :atMs
         WHERE id IN (SELECT id FROM attempts WHERE generation_id IN (:ids) AND ${stateIs('queued')} AND lease_owner IS NULL
           ${skipLocked(manager)}) RETURNING id`,
        { ids: [...ids], atMs: Math.max(...followers.map(({ generation }) => generation.completedAt ?? 0)) },
      );
    }
    return followers.filter(({ generation }) => ids.has(generation.id));
  }

  /**
   * For each key whose leader ended without a result, promotes one follower to lead. In one order of keys, so that no two
   * transactions wait for each other. Nothing else is written.
   */
  async promote(manager: EntityManager, generations: readonly GenerationEntity[]): Promise<ReadonlyMap<GenerationEntity, Promotion>> {
    const after = new Map<GenerationEntity, Promotion>();
    const leaders = new Map<string, string>();
    for (const generation of [...generations].sort((left, right) => ((left.cacheKey ?? '') < (right.cacheKey ?? '') ? -1 : 1))) {
      const wait = `${generation.cacheKey}/${generation.cachedFrom}`;
      const known = leaders.get(wait);
      const next = known === undefined ? await this.promoteOne(manager, generation) : ({ kind: 'following', leaderId: known } as const);
      if (next.kind === 'leads') leaders.set(wait, generation.id);
      after.set(generation, next);
    }
    return after;
  }

  private async promoteOne(manager: EntityManager, generation: GenerationEntity): Promise<Promotion> {
    const { id: generationId, cacheKey, cachedFrom, deadlineAt } = generation;
    if (cacheKey === null || cachedFrom === null) return { kind: 'alone' };
    if (await this.entries.takeOver(manager, { cacheKey, generationId, endsByMs: deadlineAt + SLACK_MS }, cachedFrom))
      return { kind: 'leads' };
    const entry = (await this.entries.find(manager, [cacheKey])).get(cacheKey);
    if (entry === undefined || entry.state === 'failed' || entry.generationId === cachedFrom) return { kind: 'alone' };
    return { kind: 'following', leaderId: entry.generationId };
  }

  /** Gives up a lead that it cannot keep, so that another follower may be promoted. */
  async release(manager: EntityManager, { id: generationId, cacheKey, cachedFrom }: GenerationEntity): Promise<void> {
    if (cacheKey !== null && cachedFrom !== null) await this.entries.release(manager, { cacheKey, generationId }, cachedFrom);
  }

  /** It asks the vendor itself, with money of its own. False when the lease was lost. */
  async lead(
    manager: EntityManager,
    lease: Lease,
    { cacheKey, holdMicros, nowMs }: { readonly cacheKey: string | null; readonly holdMicros: number; readonly nowMs: number },
  ): Promise<boolean> {
    if (!(await keepLease(manager, lease, nowMs))) return false;
    const changed = await rows(
      manager,
      `UPDATE generations SET cached_from = NULL, cache_key = :cacheKey, hold_micros = :holdMicros, hold_state = 'held', updated_at = :nowMs
       WHERE id = :generationId AND ${statusIs('queued')} RETURNING id`,
      { generationId: lease.generationId, cacheKey, holdMicros, nowMs },
    );
    return changed.length === 1;
  }

  /**
   * Lets followers wait until their leaders end. The leaders' rows are locked against their ends, which are just being written perhaps: so
   * an end either is seen here, or sees the follower and wakes it.
   */
  async wait(manager: EntityManager, waiting: readonly WaitingFollower[]): Promise<void> {
    const leaders = [...new Set(waiting.map(({ leaderId }) => leaderId))];
    const lock = dialectOf(manager) === 'postgres' ? 'FOR SHARE' : '';
    const found = await rows<{ id: string; status: GenerationStatus }>(
      manager,
      `SELECT id, status FROM generations WHERE id IN (:leaders) ORDER BY id ${lock}`,
      { leaders },
    );
    const working = new Set(found.filter(({ status }) => !isTerminal(status)).map(({ id }) => id));
    const released = await rows<{ id: string }>(
      manager,
      `WITH :waiting UPDATE attempts SET lease_owner = NULL, next_run_at = CAST(waiting.next AS BIGINT), updated_at = CAST(waiting.at AS BIGINT)
       FROM waiting WHERE id = waiting.attempt AND lease_token = CAST(waiting.token AS BIGINT) AND ${stateIs('queued')} RETURNING id`,
      {
        waiting: waiting.map(({ lease, leaderId, nowMs, deadlineAtMs }) => ({
          attempt: lease.attemptId,
          token: lease.token,
          next: working.has(leaderId) ? Math.min(nowMs + LOOK_AGAIN_MS, deadlineAtMs) : nowMs,
          at: nowMs,
        })),
      },
    );
    const ids = new Set(released.map(({ id }) => id));
    // Nearly always they follow the same leader as before.
    const moved = waiting.filter(({ lease, leaderId, followed }) => ids.has(lease.attemptId) && leaderId !== followed);
    if (moved.length === 0) return;
    await rows(
      manager,
      `WITH :moved UPDATE generations SET cached_from = moved.leader, updated_at = CAST(moved.at AS BIGINT)
       FROM moved WHERE id = moved.follower AND ${statusIs('queued')} RETURNING id`,
      { moved: moved.map(({ lease, leaderId, nowMs }) => ({ follower: lease.generationId, leader: leaderId, at: nowMs })) },
    );
  }
}

/** It waits, and nothing is held for it. */
function followerOf(generation: GenerationEntity, leaderId: string): GenerationEntity {
  return Object.assign(new GenerationEntity(), generation, UNSENT, {
    holdMicros: 0,
    holdState: 'released' as const,
    cachedFrom: leaderId,
  });
}

/** An attempt of a follower, whose turn only comes when its leader ends without a result. */
export function followingAttempt(attempt: AttemptEntity): AttemptEntity {
  return queuedAttempt(attempt, { waitsFor: null, nextRunAt: attempt.createdAt + LOOK_AGAIN_MS });
}

/** Locks the row of the lease until the transaction ends, so that nobody takes the attempt over meanwhile. */
async function keepLease(manager: EntityManager, { attemptId, token }: Lease, nowMs: number): Promise<boolean> {
  const kept = await rows(
    manager,
    `UPDATE attempts SET updated_at = :nowMs WHERE id = :attemptId AND lease_token = :token AND ${stateIs('queued')} RETURNING id`,
    { attemptId, token, nowMs },
  );
  return kept.length === 1;
}
