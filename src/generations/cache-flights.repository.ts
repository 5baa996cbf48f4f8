import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CacheEntriesRepository, type CacheUse } from '../cache/index.js';
import { rows } from '../database/index.js';
import { GenerationEntity } from './generation.entity.js';
import type { Settlement } from './generation.types.js';
import type { Lease } from './leases.repository.js';

/** A wait is ended by whom it waits for; this is for the case that nobody does. */
const LOOK_AGAIN_MS = 30_000;
/** A leader ends by its deadline, give or take the time of a replica to take it up. */
const SLACK_MS = 3_600_000;

/** What a generation that may use another's result does instead of asking the vendor. */
export type Flight =
  | { readonly kind: 'following'; readonly generation: GenerationEntity; readonly leaderId: string }
  | { readonly kind: 'cached'; readonly generationId: string };

/** What follows a wait that came to nothing. `alone`: there is nothing to lead any more. */
export type AfterWait = { readonly kind: 'leads' | 'alone' } | { readonly kind: 'following'; readonly leaderId: string };

interface Asking {
  readonly generation: GenerationEntity;
  readonly cache?: CacheUse;
}

interface Ended {
  readonly generation: GenerationEntity;
  readonly settlement: Pick<Settlement, 'status'>;
  readonly outputs: readonly unknown[];
  readonly nowMs: number;
}

/** Generations of the same request share one vendor call: the first leads, the others follow it. All inside transactions of the engine. */
@Injectable()
export class CacheFlights {
  constructor(private readonly entries: CacheEntriesRepository) {}

  /** Those who need not ask the vendor. */
  async join<T extends Asking>(manager: EntityManager, asking: readonly T[]): Promise<ReadonlyMap<T, Flight>> {
    const flights = new Map<T, Flight>();
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
      if (outcome?.kind === 'completed') flights.set(item, { kind: 'cached', generationId: outcome.generationId });
      if (outcome?.kind !== 'running') continue;
      const { generationId: leaderId } = outcome;
      flights.set(item, { kind: 'following', leaderId, generation: followerOf(item.generation, leaderId) });
    }
    return flights;
  }

  /** It was refused after all. */
  async withdraw(manager: EntityManager, { id: generationId, cacheKey }: GenerationEntity): Promise<void> {
    if (cacheKey !== null) await this.entries.remove(manager, { cacheKey, generationId });
  }

  /** Notes the results of those who led, and wakes their followers on whatever replica. */
  async end(manager: EntityManager, ended: readonly Ended[]): Promise<void> {
    const ends = ended.flatMap(({ generation, settlement, outputs, nowMs }) => {
      const { cacheKey, cachedFrom, id: generationId } = generation;
      if (cacheKey === null || cachedFrom !== null) return [];
      const { status } = settlement;
      const whole = status === 'completed' && outputs.length >= generation.request.n;
      return [{ cacheKey, generationId, nowMs, outcome: whole ? 'completed' : status === 'failed' ? 'failed' : 'abandoned' } as const];
    });
    const [first] = ends;
    if (first === undefined) return;
    // The entries first: their locks make sure that everybody who still follows is seen by the next statement.
    await this.entries.end(manager, ends);
    await rows(
      manager,
      `UPDATE generations SET next_run_at = :nowMs WHERE cached_from IN (:leaders) AND status = 'queued' AND lease_owner IS NULL
         AND next_run_at IS NOT NULL RETURNING id`,
      { nowMs: first.nowMs, leaders: ends.map(({ generationId }) => generationId) },
    );
  }

  /** What a follower does whose leader came to nothing. */
  async leave(manager: EntityManager, generation: GenerationEntity): Promise<AfterWait> {
    const { id: generationId, cacheKey, cachedFrom, deadlineAt } = generation;
    if (cacheKey === null || cachedFrom === null) return { kind: 'alone' };
    if (await this.entries.takeOver(manager, { cacheKey, generationId, endsByMs: deadlineAt + SLACK_MS }, cachedFrom))
      return { kind: 'leads' };
    const entry = (await this.entries.find(manager, [cacheKey])).get(cacheKey);
    if (entry === undefined || entry.state === 'failed' || entry.generationId === cachedFrom) return { kind: 'alone' };
    return { kind: 'following', leaderId: entry.generationId };
  }

  /** False when the lease was lost. */
  async follow(manager: EntityManager, lease: Lease, leaderId: string, nowMs: number): Promise<boolean> {
    const changed = await rows(
      manager,
      // It may have ended already; whoever takes this up next sees.
      `UPDATE generations SET cached_from = :leaderId, lease_owner = NULL, next_run_at = :nowMs, updated_at = :nowMs
       WHERE id = :id AND lease_token = :token AND status = 'queued' RETURNING id`,
      { id: lease.id, token: lease.token, leaderId, nowMs },
    );
    return changed.length === 1;
  }

  /** It asks the vendor itself, with money of its own. False when the lease was lost. */
  async lead(
    manager: EntityManager,
    lease: Lease,
    { cacheKey, holdMicros, nowMs }: { readonly cacheKey: string | null; readonly holdMicros: number; readonly nowMs: number },
  ): Promise<boolean> {
    const changed = await rows(
      manager,
      `UPDATE generations SET cached_from = NULL, cache_key = :cacheKey, hold_micros = :holdMicros, hold_state = 'held', updated_at = :nowMs
       WHERE id = :id AND lease_token = :token AND status = 'queued' RETURNING id`,
      { id: lease.id, token: lease.token, cacheKey, holdMicros, nowMs },
    );
    return changed.length === 1;
  }
}

/** It waits, and nothing is held for it. */
function followerOf(generation: GenerationEntity, leaderId: string): GenerationEntity {
  return Object.assign(new GenerationEntity(), generation, {
    ...UNSENT,
    status: 'queued' as const,
    cachedFrom: leaderId,
    holdState: 'released' as const,
    nextRunAt: generation.createdAt + LOOK_AGAIN_MS,
  });
}

/** Of a generation for which no vendor was asked. */
export const UNSENT = { holdMicros: 0, attemptId: null, attemptCount: 0, leaseOwner: null, leaseToken: 0, startedAt: null } as const;

/** When a follower whose leader still works is looked at again, if nobody wakes it. */
export function lookAgainAtMs(nowMs: number): number {
  return nowMs + LOOK_AGAIN_MS;
}
