import { Injectable, Logger } from '@nestjs/common';
import { type EntityManager, IsNull, Not, type Repository } from 'typeorm';
import type { Reach, Tenant } from '../../../domain/access/index.js';
import { Database, insertEntities, rows, type SqlParameters } from '../../../platform/database/index.js';
import { CacheEntriesRepository } from '../../../policy/cache/index.js';
import type { CapacityLimit } from '../../../policy/limits/index.js';
import { AttemptEntity, type Lease } from '../model/attempt.entity.js';
import { type AttemptEnd } from '../model/end.js';
import { GenerationEntity, json } from '../model/generation.entity.js';
import type { StoredResult } from '../model/generation.types.js';
import type { GenerationLook } from '../model/progress.policy.js';
import { STATE_OF, TRANSITIONS } from '../model/transitions.js';
import { CapacityRepository, type RoomNeeded } from './capacity.repository.js';
import { endAttempts, followAttempts } from './ends.repository.js';
import { bareAttempt } from './plain-ends.policy.js';
import { HAS_ENDED, IS_ACTIVE, IS_OPEN, STATUS_OF_ATTEMPTS, stateAllows, stateIs } from './status-conditions.js';

type AttemptRow = Omit<AttemptEntity, 'operation'> & { operation: never };

/** All SQL about generations and attempts. Every change is a compare-and-set that names the status or the lease it builds on. */
@Injectable()
export class GenerationsRepository {
  private readonly logger = new Logger(GenerationsRepository.name);

  constructor(
    private readonly database: Database,
    private readonly cacheEntries: CacheEntriesRepository,
    private readonly capacity: CapacityRepository,
  ) {}

  /**
   * Begins an attempt, before the first vendor byte. False: the lease was lost, another attempt has ended the generation, or a limit has no
   * room and the attempt waits for that.
   */
  beginAttempt(lease: Lease, nowMs: number, room: RoomNeeded): Promise<boolean> {
    return this.insist(async (manager) => {
      await this.capacity.lock(manager, room.limits);
      const full = await this.capacity.full(manager, room.limits, lease.generationId);
      if (full !== undefined) {
        await this.capacity.park(manager, lease, { ...room, full, nowMs });
        return false;
      }
      const begun = await this.writeAttempt(
        manager,
        lease,
        `state = '${STATE_OF[TRANSITIONS.begin.to]}', sent_at = COALESCE(sent_at, :nowMs), waits_for = NULL`,
        `(${stateAllows('begin')} OR ${stateIs('sent')}) AND EXISTS (SELECT 1 FROM generations WHERE id = generation_id AND ${IS_ACTIVE})`,
        { nowMs },
      );
      if (!begun) return false;
      await rows(
        manager,
        `UPDATE generations SET status = ${STATUS_OF_ATTEMPTS}, started_at = COALESCE(started_at, :nowMs), updated_at = :nowMs,
           attempt_count = (SELECT COUNT(*) FROM attempts WHERE attempts.generation_id = generations.id AND sent_at IS NOT NULL)
         WHERE id = :generationId RETURNING id`,
        { nowMs, generationId: lease.generationId },
      );
      return true;
    });
  }

  /** One more submission of the same attempt. */
  countResubmission(lease: Lease, nowMs: number): Promise<boolean> {
    return this.insist((manager) => this.writeAttempt(manager, lease, 'poll_count = poll_count + 1', IS_OPEN, { nowMs }));
  }

  /** The vendor took the job. False: the lease was lost; the job is kept all the same. */
  acceptAttempt(
    lease: Lease,
    accepted: {
      operation: unknown;
      vendorJobId?: string;
      vendorRequestId?: string;
      warnings: unknown;
      nextRunAtMs: number;
    },
    nowMs: number,
  ): Promise<boolean> {
    const { vendorJobId, vendorRequestId, warnings } = accepted;
    return this.orPlainly('The job of', lease, [{ vendorJobId, vendorRequestId, warnings }, {}], (details) =>
      this.insist(async (manager) => {
        // Whoever reported first is right: a vendor that recognises the attempt's key names the same job again.
        const job = `state = '${STATE_OF[TRANSITIONS.accept.to]}', operation = COALESCE(operation, :operation),
          vendor_job_id = COALESCE(vendor_job_id, :jobId), vendor_request_id = COALESCE(vendor_request_id, :requestId),
          warnings = COALESCE(warnings, :warnings), accepted_at = COALESCE(accepted_at, :nowMs)`;
        const parameters = {
          operation: json(accepted.operation),
          jobId: details.vendorJobId ?? null,
          requestId: details.vendorRequestId ?? null,
          warnings: json(details.warnings),
          next: accepted.nextRunAtMs,
          nowMs,
        };
        const isHeld = await this.writeAttempt(
          manager,
          lease,
          `${job}, lease_owner = NULL, next_run_at = :next, poll_count = 0`,
          `(${stateAllows('accept')} OR ${stateIs('accepted')})`,
          parameters,
        );
        if (!isHeld) {
          // A job that was paid for must not become unknown: whoever has the lease now finds it.
          const kept = await rows(
            manager,
            `UPDATE attempts SET ${job}, updated_at = :nowMs WHERE id = :attemptId AND ${stateAllows('accept')} RETURNING id`,
            { ...parameters, attemptId: lease.attemptId },
          );
          if (kept.length === 0) return false;
        }
        await followAttempts(manager, [{ generationId: lease.generationId, nowMs }]);
        return isHeld;
      }),
    );
  }

  /** The vendor is done; its links are kept so that any replica can fetch the files. */
  startIngesting(lease: Lease, result: StoredResult, nowMs: number): Promise<boolean> {
    return this.insist(async (manager) => {
      const written = await this.writeAttempt(
        manager,
        lease,
        `state = '${STATE_OF[TRANSITIONS.ingest.to]}', result = :result`,
        `(${stateAllows('ingest')} OR ${stateIs('fetching')})`,
        { result: json(result), nowMs },
      );
      if (written) await followAttempts(manager, [{ generationId: lease.generationId, nowMs }]);
      return written;
    });
  }

  /** Ends an attempt that another one follows, and queues that. During the pause others have its room. */
  requeue(
    lease: Lease,
    attempt: AttemptEnd,
    next: { readonly attempt: AttemptEntity; readonly limits: readonly CapacityLimit[] },
    nowMs: number,
  ): Promise<boolean> {
    return this.orPlainly('The next attempt of', lease, [attempt, bareAttempt(attempt)], (ended) =>
      this.insist(async (manager) => {
        const allowed = await this.writeAttempt(manager, lease, 'waits_for = NULL', stateAllows('retry'), { nowMs });
        if (!allowed || (await endAttempts(manager, [{ lease, attempt: ended, nowMs }])).length === 0) return false;
        const [last] = await rows<{ ordinal: number | string }>(
          manager,
          'SELECT MAX(ordinal) AS ordinal FROM attempts WHERE generation_id = :generationId',
          { generationId: lease.generationId },
        );
        const queued = Object.assign(new AttemptEntity(), next.attempt, { ordinal: Number(last?.ordinal ?? 0) + 1 });
        await insertEntities(manager, AttemptEntity, [queued], 'ON CONFLICT (id) DO NOTHING');
        await followAttempts(manager, [{ generationId: lease.generationId, nowMs }]);
        // Who waits for room looks for it by themselves as well.
        const failure = await this.database.attempt(manager, () => this.capacity.wake(manager, next.limits, nowMs));
        if (failure !== undefined)
          this.logger.warn(`No waiting generation was woken by the pause of ${lease.generationId}: ${String(failure)}`);
        return true;
      }),
    );
  }

  /** Compare-and-set under the lease. @returns whether it was written */
  private async writeAttempt(
    manager: EntityManager,
    { attemptId, token }: Lease,
    change: string,
    condition: string,
    parameters: SqlParameters & { readonly nowMs: number },
  ): Promise<boolean> {
    const written = await rows(
      manager,
      `UPDATE attempts SET ${change}, updated_at = :nowMs WHERE id = :attemptId AND lease_token = :token AND ${condition} RETURNING id`,
      { ...parameters, attemptId, token },
    );
    return written.length === 1;
  }

  async requestCancel(tenant: Tenant, id: string, nowMs: number): Promise<boolean> {
    const updated = await this.database.write((manager) =>
      rows(
        manager,
        `UPDATE generations SET cancel_requested_at = COALESCE(cancel_requested_at, :now), updated_at = :now
         WHERE id = :id AND org_id = :orgId AND app_id = :appId AND deleted_at IS NULL AND ${IS_ACTIVE} RETURNING id`,
        { id, orgId: tenant.orgId, appId: tenant.appId, now: nowMs },
      ),
    );
    return updated.length === 1;
  }

  async hide(tenant: Tenant, id: string, nowMs: number): Promise<boolean> {
    return this.database.transaction(async (manager) => {
      const hidden = await rows<{ cacheKey: string | null }>(
        manager,
        `UPDATE generations SET deleted_at = :now, updated_at = :now
         WHERE id = :id AND org_id = :orgId AND app_id = :appId AND deleted_at IS NULL AND ${HAS_ENDED}
         RETURNING cache_key AS "cacheKey"`,
        { id, orgId: tenant.orgId, appId: tenant.appId, now: nowMs },
      );
      // What its owner threw away is not given to others.
      for (const { cacheKey } of hidden) {
        if (cacheKey !== null) await this.cacheEntries.remove(manager, { cacheKey, generationId: id });
      }
      return hidden.length === 1;
    });
  }

  /** The connection of the caller who waits for this broke. */
  async noteClientGone(id: string, nowMs: number): Promise<void> {
    await this.database.write((manager) =>
      rows(manager, 'UPDATE generations SET client_gone_at = :nowMs WHERE id = :id RETURNING id', { id, nowMs }),
    );
  }

  find({ orgId, appId, onlyKeyId }: Reach, id: string): Promise<GenerationEntity | null> {
    const ofKey = onlyKeyId === null ? {} : { keyId: onlyKeyId };
    return this.database.manager.findOneBy(GenerationEntity, { id, orgId, appId, ...ofKey, deletedAt: IsNull() });
  }

  /** Without a tenant: for the engine's own work only. */
  findAny(id: string): Promise<GenerationEntity | null> {
    return this.database.manager.findOneBy(GenerationEntity, { id });
  }

  /** The entity's type holds any JSON, whose conditions TypeScript would unfold without end. */
  private attempts(): Repository<AttemptRow> {
    return this.database.manager.getRepository<AttemptRow>(AttemptEntity);
  }

  findAttemptByCallback(token: string): Promise<AttemptEntity | null> {
    return this.attempts().findOneBy({ callbackToken: token });
  }

  /** Those that were begun, in their order. */
  attemptsOf(generationId: string): Promise<AttemptEntity[]> {
    return this.attempts().find({ where: { generationId, sentAt: Not(IsNull()) }, order: { ordinal: 'ASC' } });
  }

  /** Whether an end was committed after all when its answer got lost: under one lease there is one end. */
  async isEndedUnder({ attemptId, token }: Lease): Promise<boolean> {
    const found = await rows(
      this.database.manager,
      `SELECT id FROM attempts WHERE id = :attemptId AND lease_token = :token AND NOT (${IS_OPEN})`,
      { attemptId, token },
    );
    return found.length === 1;
  }

  /** Which of these have moved on, for callers that wait here for work done elsewhere. */
  statusesOf(ids: readonly string[]): Promise<GenerationLook[]> {
    return rows(
      this.database.manager,
      `SELECT id, status, attempt_count AS "attemptCount", progress, updated_at AS "updatedAt" FROM generations WHERE id IN (:ids)`,
      { ids },
    );
  }

  /** A detail that cannot be written must not keep what matters from being written: then it is left out. */
  private async orPlainly<Details>(
    what: string,
    { generationId }: Lease,
    [details, plain]: readonly [Details, Details],
    write: (details: Details) => Promise<boolean>,
  ): Promise<boolean> {
    try {
      return await write(details);
    } catch (error) {
      this.logger.error(`${what} ${generationId} could not be written with its details and is written without them: ${String(error)}`);
      return write(plain);
    }
  }

  /** What a vendor said must not be lost because the database is away at that moment; the lease's token decides when it is back. */
  private insist<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.database.insist(() => this.database.transaction(work));
  }
}
