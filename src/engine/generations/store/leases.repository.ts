import { Injectable } from '@nestjs/common';
import type { EntityManager, EntityTarget, ObjectLiteral } from 'typeorm';
import { CLOCK_SLACK_MS } from '../../../platform/common/index.js';
import { Database, entitiesOf, GroupCommit, rows, type SqlParameters, skipLocked } from '../../../platform/database/index.js';
import { AttemptEntity } from '../model/attempt.entity.js';
import { GenerationEntity } from '../model/generation.entity.js';
import type { Held } from '../model/held.js';
import type { Lease } from '../model/lease.js';
import { ACTIVE_STATUSES, type ActiveStatus } from '../model/transitions.js';
import { type PollBudget, takeFromBudgets } from './poll-budgets.repository.js';
import { IS_ACTIVE, statusIs, statusMayBecome } from './status-conditions.js';

/** Generations of one vendor account that wait for the same. */
export interface DueQueue {
  readonly provider: string;
  readonly status: ActiveStatus;
}

type Claim = Held<AttemptEntity | null>;

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
  readonly status: ActiveStatus;
  readonly nextRunAtMs: number;
  readonly progress?: number;
  readonly polled?: boolean;
}

const MAY_BE_RELEASED = statusMayBecome('released.to_status', ACTIVE_STATUSES, true);
const ACTIVE_TABLE = ACTIVE_STATUSES.map((status) => `SELECT '${status}' AS status`).join(' UNION ALL ');

/** Takes generations, keeps them, and hands them back. Every write names the lease that it builds on. */
@Injectable()
export class LeasesRepository {
  private readonly releases = new GroupCommit<{ lease: Lease; change: Release; nowMs: number }, boolean>((items) => this.releaseAll(items));

  constructor(private readonly database: Database) {}

  /** Where something is due, the longest due first. Looks at the first row of each queue only, however long the backlogs are: `EXISTS` would be made a join of all. */
  dueQueues(nowMs: number): Promise<DueQueue[]> {
    return rows<DueQueue>(
      this.database.manager,
      `WITH RECURSIVE accounts(provider) AS (
         SELECT MIN(provider) FROM generations WHERE next_run_at IS NOT NULL
         UNION ALL
         SELECT (SELECT MIN(g.provider) FROM generations g WHERE g.next_run_at IS NOT NULL AND g.provider > accounts.provider)
         FROM accounts WHERE accounts.provider IS NOT NULL),
       statuses AS (${ACTIVE_TABLE})
       SELECT provider, status FROM (
         SELECT accounts.provider, statuses.status, (SELECT MIN(g.next_run_at) FROM generations g
           WHERE g.provider = accounts.provider AND g.status = statuses.status AND g.next_run_at IS NOT NULL) AS first_due
         FROM accounts CROSS JOIN statuses WHERE accounts.provider IS NOT NULL) queues
       WHERE first_due <= :now ORDER BY first_due`,
      { now: nowMs },
    );
  }

  /** How many jobs each of these vendor accounts has. */
  async jobsOf(providers: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (providers.length === 0) return new Map();
    const counted = await rows<{ provider: string; jobs: number | string }>(
      this.database.manager,
      `SELECT provider, COUNT(*) AS jobs FROM generations
       WHERE provider IN (:providers) AND ${statusIs('running')} AND next_run_at IS NOT NULL GROUP BY provider`,
      { providers },
    );
    return new Map(counted.map(({ provider, jobs }) => [provider, Number(jobs)]));
  }

  /**
   * Takes up to `limit` generations of a queue that are due, the longest due first. No two callers ever get the same one.
   * @returns `more` when the limit was reached, and not because a budget was
   */
  async claim(queue: DueQueue, order: ClaimOrder): Promise<{ claimed: Claim[]; more: boolean }> {
    const { budgets = [], limit } = order;
    const take = (manager: EntityManager, atMost: number) => this.take(manager, queue, { ...order, limit: atMost });
    const taken =
      budgets.length === 0
        ? await this.database.write((manager) => take(manager, limit))
        : await this.database.transaction((manager) =>
            takeFromBudgets(manager, budgets, { ...order, take: (atMost) => take(manager, atMost) }),
          );
    return { claimed: await this.withAttempts(taken), more: taken.length === limit };
  }

  private async take(manager: EntityManager, { provider, status }: DueQueue, order: ClaimOrder): Promise<GenerationEntity[]> {
    const { owner, nowMs, leaseUntilMs, limit, others = true, own = [], overdue = false } = order;
    const taken = await rows<Record<string, unknown>>(
      manager,
      // Materialized: a planner that ran it once per row would take more than the limit.
      `WITH due AS MATERIALIZED (SELECT id FROM generations WHERE provider = :provider AND status = :status AND next_run_at <= :now
         ${overdue ? 'AND deadline_at <= :now' : ''} ${others ? '' : 'AND lease_owner IS NULL'}
         ${own.length === 0 ? '' : 'AND id NOT IN (:own)'} ORDER BY next_run_at LIMIT :limit ${skipLocked(manager)})
       UPDATE generations SET lease_owner = :owner, lease_token = lease_token + 1, due_at = next_run_at, next_run_at = :until
       WHERE id IN (SELECT id FROM due)
       RETURNING *`,
      { owner, until: leaseUntilMs, provider, status, now: nowMs, limit, ...(own.length === 0 ? {} : { own }) },
    );
    return entitiesOf(manager, GenerationEntity, taken);
  }

  private async withAttempts(generations: readonly GenerationEntity[]): Promise<Claim[]> {
    const ids = generations.flatMap(({ attemptId }) => (attemptId === null ? [] : [attemptId]));
    const attempts = new Map<string, AttemptEntity>();
    if (ids.length > 0) {
      // They are ours by now: without an answer nobody would look at them until the leases end.
      const found = await this.database.insist(() =>
        this.all<AttemptRow>(AttemptEntity, 'SELECT * FROM attempts WHERE id IN (:ids)', { ids }),
      );
      for (const attempt of found) attempts.set(attempt.id, attempt);
    }
    return generations.map((generation) => ({
      lease: { id: generation.id, token: generation.leaseToken },
      generation,
      attempt: attempts.get(generation.attemptId ?? '') ?? null,
    }));
  }

  private async all<Entity extends ObjectLiteral>(
    target: EntityTarget<Entity>,
    text: string,
    parameters: SqlParameters,
  ): Promise<Entity[]> {
    const { manager } = this.database;
    return entitiesOf(manager, target, await rows<Record<string, unknown>>(manager, text, parameters));
  }

  /** Takes one generation that nobody works on right now; null when somebody does or it has ended. */
  async claimOne(id: string, owner: string, nowMs: number, leaseUntilMs: number): Promise<Claim | null> {
    const taken = await this.database.write(async (manager) => {
      const found = await rows<Record<string, unknown>>(
        manager,
        `UPDATE generations SET lease_owner = :owner, lease_token = lease_token + 1, due_at = next_run_at, next_run_at = :until
         WHERE id = :id AND ${IS_ACTIVE} AND (lease_owner IS NULL OR next_run_at <= :now) RETURNING *`,
        { id, owner, until: leaseUntilMs, now: nowMs },
      );
      return entitiesOf(manager, GenerationEntity, found);
    });
    const [claimed] = await this.withAttempts(taken);
    return claimed ?? null;
  }

  /**
   * Keeps leases alive, but for rows that are being written this moment: those are `locked`, and held all the same.
   *
   * Other statements of this process write several of these rows at once; waiting for one while holding another could wait for ever.
   */
  async heartbeat(owner: string, ids: readonly string[], leaseUntilMs: number): Promise<Heartbeat> {
    const ours = `lease_owner = :owner AND id IN (:ids) AND ${IS_ACTIVE}`;
    const renewed = await this.database.write((manager) =>
      rows<{ id: string }>(
        manager,
        `UPDATE generations SET next_run_at = :until
         WHERE id IN (SELECT id FROM generations WHERE ${ours} ${skipLocked(manager)}) RETURNING id`,
        { owner, until: leaseUntilMs, ids },
      ),
    );
    const alive = new Set(renewed.map(({ id }) => id));
    const rest = ids.filter((id) => !alive.has(id));
    if (rest.length === 0) return { alive, locked: [] };
    const busy = await rows<{ id: string }>(this.database.manager, `SELECT id FROM generations WHERE ${ours}`, { owner, ids: rest });
    for (const { id } of busy) alive.add(id);
    return { alive, locked: busy.map(({ id }) => id) };
  }

  /**
   * Brings what waits for a time that an earlier clock had set nearer: leases that end later than any can, and waits that began in the
   * future. @returns how many
   */
  async pullBack(nowMs: number, leaseMs: number): Promise<number> {
    const which = `next_run_at > :far AND ${IS_ACTIVE} AND (lease_owner IS NOT NULL OR updated_at > :soon)`;
    const times = { far: nowMs + 2 * leaseMs, soon: nowMs + CLOCK_SLACK_MS };
    // Nearly always there is nothing, and no writer has to wait to learn that.
    if ((await rows(this.database.manager, `SELECT 1 FROM generations WHERE ${which} LIMIT 1`, times)).length === 0) return 0;
    const pulled = await this.database.write((manager) =>
      rows(
        manager,
        `UPDATE generations SET
           next_run_at = CASE WHEN lease_owner IS NULL AND next_run_at - (updated_at - :now) > :now THEN next_run_at - (updated_at - :now)
             WHEN lease_owner IS NULL THEN :now ELSE :until END,
           updated_at = CASE WHEN updated_at > :now THEN :now ELSE updated_at END
         WHERE id IN (SELECT id FROM generations WHERE ${which} ${skipLocked(manager)}) RETURNING id`,
        { now: nowMs, until: nowMs + leaseMs, ...times },
      ),
    );
    return pulled.length;
  }

  /** Hands the generation back, to be looked at again at `nextRunAtMs`. False when the lease was lost. */
  release(lease: Lease, change: Release, nowMs: number): Promise<boolean> {
    return this.releases.commit({ lease, change, nowMs });
  }

  /** With one statement, however many polls ended meanwhile. */
  private async releaseAll(items: readonly { lease: Lease; change: Release; nowMs: number }[]): Promise<boolean[]> {
    const firsts = new Map<string, (typeof items)[number]>();
    for (const item of items) if (!firsts.has(leaseName(item.lease))) firsts.set(leaseName(item.lease), item);
    const released = await this.database.insist(() =>
      this.database.write((manager) =>
        rows<Lease>(
          manager,
          `WITH :released UPDATE generations SET status = released.to_status, lease_owner = NULL,
           next_run_at = CAST(released.next_at AS BIGINT), progress = COALESCE(CAST(released.to_progress AS INTEGER), progress),
           poll_count = poll_count + CAST(released.polls AS INTEGER), updated_at = CAST(released.at AS BIGINT)
         FROM released WHERE id = released.generation_id AND lease_token = CAST(released.token AS BIGINT)
           AND ${MAY_BE_RELEASED}
         RETURNING id, lease_token AS token`,
          {
            released: [...firsts.values()].map(({ lease, change, nowMs }) => ({
              generation_id: lease.id,
              token: lease.token,
              to_status: change.status,
              next_at: change.nextRunAtMs,
              to_progress: change.progress ?? null,
              polls: change.polled === true ? 1 : 0,
              at: nowMs,
            })),
          },
        ),
      ),
    );
    const written = new Set(released.flatMap((lease) => firsts.get(leaseName(lease)) ?? []));
    return items.map((item) => written.has(item));
  }
}

export function leaseName({ id, token }: Lease): string {
  return `${id}/${token}`;
}

/** The entity's type holds any JSON, whose conditions TypeScript would unfold without end. */
type AttemptRow = Omit<AttemptEntity, 'operation'> & { operation: never };
