import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CLOCK_SLACK_MS } from '../../../platform/common/index.js';
import { Database, entitiesOf, GroupCommit, rows, skipLocked } from '../../../platform/database/index.js';
import { AttemptEntity, type Lease, leaseOf } from '../model/attempt.entity.js';
import { GenerationEntity } from '../model/generation.entity.js';
import type { Held } from '../model/held.js';
import { ACTIVE_STATUSES, type ActiveState, STATE_OF } from '../model/transitions.js';
import { firstUnderEach, followAttempts, leaseName } from './ends.repository.js';
import { type PollBudget, takeFromBudgets } from './poll-budgets.repository.js';
import { IS_OPEN, stateIs, stateMayBecome } from './status-conditions.js';

/** Attempts at one vendor account that wait for the same. */
export interface DueQueue {
  readonly provider: string;
  readonly state: ActiveState;
}

export interface ClaimOrder {
  readonly owner: string;
  readonly nowMs: number;
  readonly leaseUntilMs: number;
  readonly limit: number;
  /** All of them must have something left. */
  readonly budgets?: readonly PollBudget[];
  /** Whether also those that another process let lapse. Default true. */
  readonly others?: boolean;
  /** Work of this process, however its lease looks. */
  readonly own?: readonly string[];
  /** Only what is past its deadline. */
  readonly overdue?: boolean;
}

/** Which of its leases a process still has. */
export interface Heartbeat {
  readonly alive: ReadonlySet<string>;
  /** Of these, those whose time was not prolonged. */
  readonly locked: readonly string[];
}

export interface Release {
  readonly state: ActiveState;
  readonly nextRunAtMs: number;
  /** Of the generation. Absent: it stands as it did, so that only the attempt is written. */
  readonly progress?: number;
  readonly polled?: boolean;
}

interface ReleaseItem {
  readonly lease: Lease;
  readonly change: Release;
  readonly nowMs: number;
}

const MAY_BE_RELEASED = stateMayBecome('released.to_state', ACTIVE_STATUSES);
const STATE_TABLE = Object.values(STATE_OF)
  .map((state) => `SELECT '${state}' AS state`)
  .join(' UNION ALL ');

/** Takes attempts, keeps them, and hands them back. Every write names the lease that it builds on. */
@Injectable()
export class LeasesRepository {
  private readonly releases = new GroupCommit<ReleaseItem, boolean>((items) => this.releaseAll(items));

  constructor(private readonly database: Database) {}

  /** Where something is due, the longest due first. Looks at the first row of each queue only, however long the backlogs are: `EXISTS` would be made a join of all. */
  dueQueues(nowMs: number): Promise<DueQueue[]> {
    return rows<DueQueue>(
      this.database.manager,
      `WITH RECURSIVE accounts(provider) AS (
         SELECT MIN(provider) FROM attempts WHERE next_run_at IS NOT NULL
         UNION ALL
         SELECT (SELECT MIN(a.provider) FROM attempts a WHERE a.next_run_at IS NOT NULL AND a.provider > accounts.provider)
         FROM accounts WHERE accounts.provider IS NOT NULL),
       states AS (${STATE_TABLE})
       SELECT provider, state FROM (
         SELECT accounts.provider, states.state, (SELECT MIN(a.next_run_at) FROM attempts a
           WHERE a.provider = accounts.provider AND a.state = states.state AND a.next_run_at IS NOT NULL) AS first_due
         FROM accounts CROSS JOIN states WHERE accounts.provider IS NOT NULL) queues
       WHERE first_due <= :now ORDER BY first_due`,
      { now: nowMs },
    );
  }

  /** How many jobs each of these vendor accounts has. */
  async jobsOf(providers: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (providers.length === 0) return new Map();
    const counted = await rows<{ provider: string; jobs: number | string }>(
      this.database.manager,
      `SELECT provider, COUNT(*) AS jobs FROM attempts
       WHERE provider IN (:providers) AND ${stateIs('accepted')} AND next_run_at IS NOT NULL GROUP BY provider`,
      { providers },
    );
    return new Map(counted.map(({ provider, jobs }) => [provider, Number(jobs)]));
  }

  /**
   * Takes up to `limit` attempts of a queue that are due, the longest due first. No two callers ever get the same one.
   * @returns `more` when the limit was reached, and not because a budget was
   */
  async claim(queue: DueQueue, order: ClaimOrder): Promise<{ claimed: Held[]; more: boolean }> {
    const { budgets = [], limit } = order;
    const take = (manager: EntityManager, atMost: number) => this.take(manager, queue, { ...order, limit: atMost });
    const taken =
      budgets.length === 0
        ? await this.database.write((manager) => take(manager, limit))
        : await this.database.transaction((manager) =>
            takeFromBudgets(manager, budgets, { ...order, take: (atMost) => take(manager, atMost) }),
          );
    return { claimed: await this.held(taken), more: taken.length === limit };
  }

  private async take(manager: EntityManager, { provider, state }: DueQueue, order: ClaimOrder): Promise<AttemptEntity[]> {
    const { owner, nowMs, leaseUntilMs, limit, others = true, own = [], overdue = false } = order;
    const isOverdue = 'EXISTS (SELECT 1 FROM generations WHERE generations.id = generation_id AND deadline_at <= :now)';
    const taken = await rows<Record<string, unknown>>(
      manager,
      // Materialized: a planner that ran it once per row would take more than the limit.
      `WITH due AS MATERIALIZED (SELECT id FROM attempts WHERE provider = :provider AND state = :state AND next_run_at <= :now
         ${overdue ? `AND ${isOverdue}` : ''} ${others ? '' : 'AND lease_owner IS NULL'}
         ${own.length === 0 ? '' : 'AND id NOT IN (:own)'} ORDER BY next_run_at LIMIT :limit ${skipLocked(manager)})
       UPDATE attempts SET lease_owner = :owner, lease_token = lease_token + 1, due_at = next_run_at, next_run_at = :until
       WHERE id IN (SELECT id FROM due)
       RETURNING *`,
      { owner, until: leaseUntilMs, provider, state, now: nowMs, limit, ...(own.length === 0 ? {} : { own }) },
    );
    return attemptsOf(manager, taken);
  }

  /** With their generations. */
  private async held(attempts: readonly AttemptEntity[]): Promise<Held[]> {
    if (attempts.length === 0) return [];
    const { manager } = this.database;
    const ids = [...new Set(attempts.map(({ generationId }) => generationId))];
    // The attempts are ours by now: without an answer nobody would look at them until the leases end.
    const found = await this.database.insist(() =>
      rows<Record<string, unknown>>(manager, 'SELECT * FROM generations WHERE id IN (:ids)', { ids }),
    );
    const generations = new Map(entitiesOf(manager, GenerationEntity, found).map((generation) => [generation.id, generation]));
    return attempts.flatMap((attempt) => {
      const generation = generations.get(attempt.generationId);
      return generation === undefined ? [] : [{ lease: leaseOf(attempt), generation, attempt }];
    });
  }

  /** Takes an attempt that nobody works on right now; null when somebody does or it has ended. */
  async claimOne(id: string, owner: string, nowMs: number, leaseUntilMs: number): Promise<Held | null> {
    const [claimed] = await this.claimFree('id', { id, owner, nowMs, leaseUntilMs });
    return claimed ?? null;
  }

  /** Takes all attempts of a generation that nobody works on right now. */
  claimAllOf(generationId: string, owner: string, nowMs: number, leaseUntilMs: number): Promise<Held[]> {
    return this.claimFree('generation_id', { id: generationId, owner, nowMs, leaseUntilMs });
  }

  private async claimFree(
    column: 'id' | 'generation_id',
    { id, owner, nowMs, leaseUntilMs }: Pick<ClaimOrder, 'owner' | 'nowMs' | 'leaseUntilMs'> & { readonly id: string },
  ): Promise<Held[]> {
    const taken = await this.database.write(async (manager) => {
      const found = await rows<Record<string, unknown>>(
        manager,
        `UPDATE attempts SET lease_owner = :owner, lease_token = lease_token + 1, due_at = next_run_at, next_run_at = :until
         WHERE ${column} = :id AND ${IS_OPEN} AND (lease_owner IS NULL OR next_run_at <= :now) RETURNING *`,
        { id, owner, until: leaseUntilMs, now: nowMs },
      );
      return attemptsOf(manager, found);
    });
    return this.held(taken);
  }

  /**
   * Keeps leases alive, but for rows that are being written this moment: those are `locked`, and held all the same.
   *
   * Other statements of this process write several of these rows at once; waiting for one while holding another could wait for ever.
   */
  async heartbeat(owner: string, ids: readonly string[], leaseUntilMs: number): Promise<Heartbeat> {
    const ours = `lease_owner = :owner AND id IN (:ids) AND ${IS_OPEN}`;
    const renewed = await this.database.write((manager) =>
      rows<{ id: string }>(
        manager,
        `UPDATE attempts SET next_run_at = :until
         WHERE id IN (SELECT id FROM attempts WHERE ${ours} ${skipLocked(manager)}) RETURNING id`,
        { owner, until: leaseUntilMs, ids },
      ),
    );
    const alive = new Set(renewed.map(({ id }) => id));
    const rest = ids.filter((id) => !alive.has(id));
    if (rest.length === 0) return { alive, locked: [] };
    const busy = await rows<{ id: string }>(this.database.manager, `SELECT id FROM attempts WHERE ${ours}`, { owner, ids: rest });
    for (const { id } of busy) alive.add(id);
    return { alive, locked: busy.map(({ id }) => id) };
  }

  /**
   * Brings what waits for a time that an earlier clock had set nearer: leases that end later than any can, and waits that began in the
   * future. @returns how many
   */
  async pullBack(nowMs: number, leaseMs: number): Promise<number> {
    const which = `next_run_at > :far AND ${IS_OPEN} AND (lease_owner IS NOT NULL OR updated_at > :soon)`;
    const times = { far: nowMs + 2 * leaseMs, soon: nowMs + CLOCK_SLACK_MS };
    // Nearly always there is nothing, and no writer has to wait to learn that.
    if ((await rows(this.database.manager, `SELECT 1 FROM attempts WHERE ${which} LIMIT 1`, times)).length === 0) return 0;
    const pulled = await this.database.write((manager) =>
      rows(
        manager,
        `UPDATE attempts SET
           next_run_at = CASE WHEN lease_owner IS NULL AND next_run_at - (updated_at - :now) > :now THEN next_run_at - (updated_at - :now)
             WHEN lease_owner IS NULL THEN :now ELSE :until END,
           updated_at = CASE WHEN updated_at > :now THEN :now ELSE updated_at END
         WHERE id IN (SELECT id FROM attempts WHERE ${which} ${skipLocked(manager)}) RETURNING id`,
        { now: nowMs, until: nowMs + leaseMs, ...times },
      ),
    );
    return pulled.length;
  }

  /** Hands the attempt back, to be looked at again at `nextRunAtMs`. False when the lease was lost. */
  release(lease: Lease, change: Release, nowMs: number): Promise<boolean> {
    return this.releases.commit({ lease, change, nowMs });
  }

  /** With one statement for each kind of row, however many polls ended meanwhile. */
  private async releaseAll(items: readonly ReleaseItem[]): Promise<boolean[]> {
    const firsts = firstUnderEach(items);
    const released = await this.database.insist(() =>
      // What only says when to look again is one statement.
      [...firsts.values()].some(advances)
        ? this.database.transaction((manager) => this.writeReleases(manager, firsts))
        : this.database.write((manager) => this.writeReleases(manager, firsts)),
    );
    return items.map((item) => released.has(item));
  }

  private async writeReleases(manager: EntityManager, firsts: ReadonlyMap<string, ReleaseItem>): Promise<ReadonlySet<ReleaseItem>> {
    const released = await rows<Pick<Lease, 'attemptId' | 'token'>>(
      manager,
      `WITH :released UPDATE attempts SET state = released.to_state, lease_owner = NULL,
         next_run_at = CAST(released.next_at AS BIGINT), poll_count = poll_count + CAST(released.polls AS INTEGER),
         updated_at = CAST(released.at AS BIGINT)
       FROM released WHERE id = released.attempt_id AND lease_token = CAST(released.token AS BIGINT) AND ${MAY_BE_RELEASED}
       RETURNING id AS "attemptId", lease_token AS token`,
      {
        released: [...firsts.values()].map(({ lease, change, nowMs }) => ({
          attempt_id: lease.attemptId,
          token: lease.token,
          to_state: change.state,
          next_at: change.nextRunAtMs,
          polls: change.polled === true ? 1 : 0,
          at: nowMs,
        })),
      },
    );
    const written = released.flatMap((lease) => firsts.get(leaseName(lease)) ?? []);
    await followAttempts(
      manager,
      written.filter(advances).map(({ lease: { generationId }, change: { progress }, nowMs }) => ({
        generationId,
        nowMs,
        ...(progress === undefined ? {} : { progress }),
      })),
    );
    return new Set(written);
  }
}

/** Whether the generation may stand otherwise after it. */
function advances({ change: { state, progress } }: ReleaseItem): boolean {
  return progress !== undefined || state !== 'accepted';
}

function attemptsOf(manager: EntityManager, found: readonly Record<string, unknown>[]): AttemptEntity[] {
  return entitiesOf<AttemptRow>(manager, AttemptEntity, found);
}

/** The entity's type holds any JSON, whose conditions TypeScript would unfold without end. */
type AttemptRow = Omit<AttemptEntity, 'operation'> & { operation: never };
