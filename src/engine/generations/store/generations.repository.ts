import { Injectable, Logger } from '@nestjs/common';
import { type EntityManager, IsNull, type Repository } from 'typeorm';
import type { Reach, Tenant } from '../../../domain/access/index.js';
import { Database, insertEntities, rows } from '../../../platform/database/index.js';
import { CacheEntriesRepository } from '../../../policy/cache/index.js';
import type { CapacityLimit } from '../../../policy/limits/index.js';
import { AttemptEntity } from '../model/attempt.entity.js';
import { type AttemptEnd } from '../model/end.js';
import { GenerationEntity } from '../model/generation.entity.js';
import type { StoredResult } from '../model/generation.types.js';
import { json } from '../model/generations.rows.js';
import type { Lease } from '../model/lease.js';
import type { GenerationLook } from '../model/progress.policy.js';
import { TRANSITIONS } from '../model/transitions.js';
import { endAttempts } from './attempt-end.repository.js';
import { CapacityRepository, type RoomNeeded } from './capacity.repository.js';
import { bareAttempt } from './plain-ends.policy.js';
import { HAS_ENDED, IS_ACTIVE, statusAllows, statusIs } from './status-conditions.js';

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
   * Begins an attempt: the status and the attempt's row in one transaction, before the first vendor byte. False: the lease was lost, or
   * one of its limits has no room and the generation waits for that.
   */
  beginAttempt(lease: Lease, attempt: AttemptEntity, nowMs: number, room: RoomNeeded): Promise<boolean> {
    return this.insist(async (manager) => {
      await this.capacity.lock(manager, room.limits);
      const full = await this.capacity.full(manager, room.limits, lease.id);
      if (full !== undefined) {
        await this.capacity.park(manager, lease, { ...room, full, nowMs });
        return false;
      }
      const begun = await rows(
        manager,
        `UPDATE generations SET status = '${TRANSITIONS.begin.to}', attempt_id = :attemptId, attempt_count = :ordinal, updated_at = :now,
           waits_for = NULL, started_at = COALESCE(started_at, :now)
         WHERE id = :id AND lease_token = :token AND (${statusAllows('begin')} OR (${statusIs('dispatching')} AND attempt_id = :attemptId)) RETURNING id`,
        { id: lease.id, token: lease.token, attemptId: attempt.id, ordinal: attempt.ordinal, now: nowMs },
      );
      if (begun.length === 0) return false;
      await insertEntities(manager, AttemptEntity, [attempt], 'ON CONFLICT (id) DO NOTHING');
      return true;
    });
  }

  /** One more submission of the same attempt. */
  async countResubmission(lease: Lease, nowMs: number): Promise<boolean> {
    const counted = await this.insist((manager) =>
      rows(
        manager,
        `UPDATE generations SET updated_at = :now, poll_count = poll_count + 1
         WHERE id = :id AND lease_token = :token AND ${IS_ACTIVE} RETURNING id`,
        { id: lease.id, token: lease.token, now: nowMs },
      ),
    );
    return counted.length === 1;
  }

  /** The vendor took the job. */
  acceptAttempt(
    lease: Lease,
    accepted: {
      attemptId: string;
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
        const updated = await rows(
          manager,
          `UPDATE generations SET status = '${TRANSITIONS.accept.to}', lease_owner = NULL, next_run_at = :next, poll_count = 0, updated_at = :now
         WHERE id = :id AND lease_token = :token AND ${statusAllows('accept')} RETURNING id`,
          { id: lease.id, token: lease.token, next: accepted.nextRunAtMs, now: nowMs },
        );
        // The operation is kept even when the lease is gone: a job that was paid for must not become unknown.
        await rows(
          manager,
          `UPDATE attempts SET state = 'accepted', operation = :operation, vendor_job_id = :jobId, vendor_request_id = :requestId,
           warnings = :warnings, accepted_at = :now
         WHERE id = :attemptId AND state = 'sent' RETURNING id`,
          {
            attemptId: accepted.attemptId,
            operation: json(accepted.operation),
            jobId: details.vendorJobId ?? null,
            requestId: details.vendorRequestId ?? null,
            warnings: json(details.warnings),
            now: nowMs,
          },
        );
        return updated.length === 1;
      }),
    );
  }

  /** The vendor is done; its links are kept so that any replica can fetch the files. */
  startIngesting(lease: Lease, attemptId: string, result: StoredResult, nowMs: number): Promise<boolean> {
    return this.insist(async (manager) => {
      const updated = await rows(
        manager,
        `UPDATE generations SET status = '${TRANSITIONS.ingest.to}', updated_at = :now WHERE id = :id AND lease_token = :token
           AND (${statusAllows('ingest')} OR ${statusIs('ingesting')}) RETURNING id`,
        { id: lease.id, token: lease.token, now: nowMs },
      );
      if (updated.length === 0) return false;
      await rows(manager, 'UPDATE attempts SET result = :result WHERE id = :attemptId RETURNING id', { attemptId, result: json(result) });
      return true;
    });
  }

  /** Ends an attempt that is followed by another, and queues the generation again. During the pause others have its room. */
  requeue(
    lease: Lease,
    attempt: AttemptEnd,
    next: { readonly nextRunAtMs: number; readonly limits: readonly CapacityLimit[] },
    nowMs: number,
  ): Promise<boolean> {
    return this.orPlainly('The next attempt of', lease, [attempt, bareAttempt(attempt)], (ended) =>
      this.insist(async (manager) => {
        const updated = await rows(
          manager,
          `UPDATE generations SET status = '${TRANSITIONS.retry.to}', lease_owner = NULL, next_run_at = :next, updated_at = :now
         WHERE id = :id AND lease_token = :token AND ${statusAllows('retry')} RETURNING id`,
          { id: lease.id, token: lease.token, next: next.nextRunAtMs, now: nowMs },
        );
        if (updated.length === 0) return false;
        await endAttempts(manager, [[ended, nowMs]]);
        // Who waits for room looks for it by themselves as well.
        const failure = await this.database.attempt(manager, () => this.capacity.wake(manager, next.limits, nowMs));
        if (failure !== undefined) this.logger.warn(`No waiting generation was woken by the pause of ${lease.id}: ${String(failure)}`);
        return true;
      }),
    );
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

  attemptsOf(generationId: string): Promise<AttemptEntity[]> {
    return this.attempts().find({ where: { generationId }, order: { ordinal: 'ASC' } });
  }

  /** Whether an end was committed after all when its answer got lost: under one lease there is one end. */
  async isEndedUnder({ id, token }: Lease): Promise<boolean> {
    const found = await rows(this.database.manager, `SELECT id FROM generations WHERE id = :id AND lease_token = :token AND ${HAS_ENDED}`, {
      id,
      token,
    });
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
    { id }: Lease,
    [details, plain]: readonly [Details, Details],
    write: (details: Details) => Promise<boolean>,
  ): Promise<boolean> {
    try {
      return await write(details);
    } catch (error) {
      this.logger.error(`${what} ${id} could not be written with its details and is written without them: ${String(error)}`);
      return write(plain);
    }
  }

  /** What a vendor said must not be lost because the database is away at that moment; the lease's token decides when it is back. */
  private insist<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.database.insist(() => this.database.transaction(work));
  }
}
