import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { dialectOf, rows, skipLocked } from '../../../platform/database/index.js';
import {
  type CapacityCount,
  type CapacityLimit,
  type CapacityScope,
  type CapacityVerdict,
  capacityName,
  fullLimit,
  judge,
  roomOf,
} from '../../../policy/limits/index.js';
import { type AttemptEntity, isBegun, type Lease, queuedAttempt } from '../model/attempt.entity.js';
import type { GenerationEntity } from '../model/generation.entity.js';
import { IS_ACTIVE, stateIs, statusIs } from './status-conditions.js';

const COLUMNS: Readonly<Record<CapacityScope, string>> = { key: 'key_id', application: 'app_id', model: 'model', provider: 'provider' };
/** A follower waits for another generation and never for a vendor of its own. */
const WAITING = `${statusIs('queued')} AND cached_from IS NULL`;
const CALLED_FOR_MS = 5_000;
/** Being looked at, or due for a moment: who is not taken up by then, because its vendor hangs, keeps nobody else waiting. */
const CALLED = `EXISTS (SELECT 1 FROM attempts WHERE attempts.generation_id = generations.id AND ${stateIs('queued')}
  AND (lease_owner IS NOT NULL OR (next_run_at <= :nowMs AND next_run_at > :calledSinceMs)))`;

const NOTHING: CapacityCount = { inFlight: 0, queued: 0, called: 0 };
const ONE_STARTED: CapacityCount = { inFlight: 1, queued: 0, called: 0 };
const ONE_QUEUED: CapacityCount = { inFlight: 0, queued: 1, called: 0 };

/** Looked at again so soon, and then ever more rarely: who ends makes room and wakes who waits longest. */
const FIRST_LOOK_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/** A request that asks for room. */
interface Asking {
  readonly generation: GenerationEntity;
  readonly attempts: readonly AttemptEntity[];
  readonly limits: readonly CapacityLimit[];
  readonly mayQueue: boolean;
}

/** What a generation needs room under, whose turn has come. */
export interface RoomNeeded {
  readonly limits: readonly CapacityLimit[];
  readonly createdAt: number;
  readonly deadlineAt: number;
}

/** The same attempt, waiting for room under the limit of this name. */
export function waitingForRoom(attempt: AttemptEntity, waitsFor: string): AttemptEntity {
  return queuedAttempt(attempt, { waitsFor, nextRunAt: lookForRoomAtMs(attempt.createdAt, attempt.createdAt) });
}

/** When somebody looks again whether there is room, if nobody wakes it before. */
function lookForRoomAtMs(createdAtMs: number, nowMs: number): number {
  const pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_LOOK_MS, (nowMs - createdAtMs) / 2));
  return Math.round(nowMs + pauseMs * (0.75 + Math.random() / 2));
}

function sum(left: CapacityCount, right: CapacityCount): CapacityCount {
  return { inFlight: left.inFlight + right.inFlight, queued: left.queued + right.queued, called: left.called + right.called };
}

/**
 * How much is under way, counted from the generations themselves: there is no counter that could be wrong after a crash. Every method
 * belongs inside the transaction of what it is for.
 */
@Injectable()
export class CapacityRepository {
  /**
   * Lets one transaction at a time decide on these limits, and none on a limit that it did not lock. Called before anything else is
   * locked, in one order, so that no two transactions wait for each other. SQLite has one writer anyway.
   */
  async lock(manager: EntityManager, limits: readonly CapacityLimit[]): Promise<void> {
    if (limits.length === 0 || dialectOf(manager) === 'sqlite') return;
    for (const name of [...new Set(limits.map(capacityName))].sort()) {
      await rows(manager, 'SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))', { name: `litegen.capacity/${name}` });
    }
  }

  /** What becomes of requests that fall under limits, in their order. */
  async judge<Item extends Asking>(manager: EntityManager, items: readonly Item[]): Promise<ReadonlyMap<Item, CapacityVerdict>> {
    const nowMs = Math.max(...items.map(({ generation }) => generation.createdAt));
    const counts = new Map(
      await this.count(
        manager,
        items.flatMap(({ limits }) => limits),
        { nowMs },
      ),
    );
    const countOf = (limit: CapacityLimit): CapacityCount => counts.get(capacityName(limit)) ?? NOTHING;
    return new Map(
      items.map((item) => {
        const { attempts, limits, mayQueue } = item;
        const isStarted = attempts.some(isBegun);
        // What no process has room for waits whatever it asked for, as it did before there were limits.
        const verdict = judge(limits, countOf, { start: isStarted, queue: mayQueue || !isStarted });
        if (verdict.kind !== 'refuse') {
          const added = verdict.kind === 'start' ? ONE_STARTED : ONE_QUEUED;
          for (const limit of limits) counts.set(capacityName(limit), sum(countOf(limit), added));
        }
        return [item, verdict];
      }),
    );
  }

  /** The limit that keeps a generation from beginning whose turn has come. It is not counted itself, also when it has just begun. */
  async full(manager: EntityManager, limits: readonly CapacityLimit[], id: string): Promise<CapacityLimit | undefined> {
    if (limits.length === 0) return undefined;
    const counts = await this.count(manager, limits, { nowMs: 0, except: id });
    return fullLimit(limits, (limit) => ({ inFlight: counts.get(capacityName(limit))?.inFlight ?? 0, called: 0 }));
  }

  /** Lets a generation whose turn had come wait for `full`, and gives its turn under its other limits to others. */
  async park(
    manager: EntityManager,
    lease: Lease,
    { full, limits, createdAt, deadlineAt, nowMs }: RoomNeeded & { readonly full: CapacityLimit; readonly nowMs: number },
  ): Promise<void> {
    const next = Math.min(lookForRoomAtMs(createdAt, nowMs), Math.max(nowMs, deadlineAt));
    const parked = await rows(
      manager,
      `UPDATE attempts SET lease_owner = NULL, waits_for = :name, next_run_at = :next, updated_at = :nowMs
       WHERE id = :attemptId AND lease_token = :token AND ${stateIs('queued')} RETURNING id`,
      { attemptId: lease.attemptId, token: lease.token, name: capacityName(full), next, nowMs },
    );
    if (parked.length === 0) return;
    await this.wake(
      manager,
      limits.filter((limit) => limit !== full),
      nowMs,
    );
  }

  /** Makes those due that wait longest for these limits, as many as have room now. */
  async wake(manager: EntityManager, limits: readonly CapacityLimit[], nowMs: number): Promise<void> {
    const bounded = [...new Map(limits.map((limit) => [capacityName(limit), limit])).values()].filter(
      ({ maxInFlight }) => maxInFlight !== undefined,
    );
    const counts = await this.count(manager, bounded, { nowMs });
    for (const limit of bounded) {
      const name = capacityName(limit);
      const count = counts.get(name) ?? NOTHING;
      const room = Math.min(roomOf(limit, count), count.queued - count.called);
      if (room <= 0) continue;
      await rows(
        manager,
        `WITH first AS MATERIALIZED (
           SELECT id FROM attempts WHERE waits_for = :name AND ${stateIs('queued')} AND lease_owner IS NULL AND next_run_at > :nowMs
           ORDER BY created_at, id LIMIT :room ${skipLocked(manager)})
         UPDATE attempts SET next_run_at = :nowMs WHERE id IN (SELECT id FROM first) RETURNING id`,
        { name, nowMs, room },
      );
    }
  }

  /** Under way now, by {@link capacityName}. */
  private async count(
    manager: EntityManager,
    limits: readonly CapacityLimit[],
    { nowMs, except = '' }: { readonly nowMs: number; readonly except?: string },
  ): Promise<ReadonlyMap<string, CapacityCount>> {
    const counts = new Map<string, CapacityCount>();
    for (const [scope, column] of Object.entries(COLUMNS) as [CapacityScope, string][]) {
      const ids = [...new Set(limits.filter((limit) => limit.scope === scope).map(({ id }) => id))];
      if (ids.length === 0) continue;
      const found = await rows<{ id: string } & Record<keyof CapacityCount, number | string>>(
        manager,
        `SELECT ${column} AS id, SUM(CASE WHEN ${statusIs('queued')} THEN 0 ELSE 1 END) AS "inFlight",
           SUM(CASE WHEN ${WAITING} THEN 1 ELSE 0 END) AS queued,
           SUM(CASE WHEN ${WAITING} AND ${CALLED} THEN 1 ELSE 0 END) AS called
         FROM generations WHERE ${column} IN (:ids) AND ${IS_ACTIVE} AND id <> :except GROUP BY ${column}`,
        { ids, nowMs, calledSinceMs: nowMs - CALLED_FOR_MS, except },
      );
      for (const { id, inFlight, queued, called } of found) {
        counts.set(capacityName({ scope, id }), { inFlight: Number(inFlight), queued: Number(queued), called: Number(called) });
      }
    }
    return counts;
  }
}
