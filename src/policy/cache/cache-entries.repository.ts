import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../../domain/access/index.js';
import { Database, rows } from '../../platform/database/index.js';

/** A request that nobody has a result for asks to make one. */
export interface CacheClaim extends Tenant {
  readonly cacheKey: string;
  readonly generationId: string;
  readonly ttlMs: number;
  /** 0: whatever is there is replaced. */
  readonly maxAgeMs: number;
  readonly nowMs: number;
  /** When its generation has surely ended. */
  readonly endsByMs: number;
}

/** `leads`: it makes the result. `running`: another generation is making it. `completed`: another has made it. */
export type ClaimOutcome = { readonly kind: 'leads' } | { readonly kind: 'running' | 'completed'; readonly generationId: string };

export interface CacheEnd {
  readonly cacheKey: string;
  readonly generationId: string;
  /** `completed`: the whole result is there. `abandoned`: it came to nothing, or not to all that was asked for, without a failure. */
  readonly outcome: 'completed' | 'failed' | 'abandoned';
  readonly nowMs: number;
}

export interface CacheEntry {
  readonly cacheKey: string;
  /** Who makes or made the result. */
  readonly generationId: string;
  readonly state: 'running' | 'completed' | 'failed';
  readonly ttlMs: number;
  /** How many generations failed one after the other while others waited for them. */
  readonly failures: number;
  readonly completedAtMs: number | null;
  readonly expiresAtMs: number;
}

const COLUMNS = `cache_key AS "cacheKey", generation_id AS "generationId", state, ttl_ms AS "ttlMs", failures,
  completed_at AS "completedAtMs", expires_at AS "expiresAtMs"`;

/** So long those who waited for a failure can see that there was one. */
const FAILURE_MS = 3_600_000;

/**
 * Which generation stands for each cache key of a tenant. The database is the authority: what memory and Redis remember is used only
 * as long as it is confirmed here. Each entry names one generation at a time, so that one vendor call serves all who ask the same.
 */
@Injectable()
export class CacheEntriesRepository {
  constructor(private readonly database: Database) {}

  /** Inside the admission's transaction, in one order of keys for all, so that no two wait for each other. */
  async claim(manager: EntityManager, claims: readonly CacheClaim[]): Promise<ReadonlyMap<string, ClaimOutcome>> {
    const outcomes = new Map<string, ClaimOutcome>();
    const running = new Map<string, ClaimOutcome>();
    for (const claim of [...claims].sort((left, right) => (left.cacheKey < right.cacheKey ? -1 : 1))) {
      const { cacheKey, generationId, maxAgeMs } = claim;
      const known = maxAgeMs === 0 ? undefined : running.get(cacheKey);
      const outcome = known ?? (await this.claimOne(manager, claim));
      outcomes.set(generationId, outcome);
      if (outcome.kind === 'leads') running.set(cacheKey, { kind: 'running', generationId });
      else if (outcome.kind === 'running') running.set(cacheKey, outcome);
    }
    return outcomes;
  }

  private async claimOne(manager: EntityManager, claim: CacheClaim): Promise<ClaimOutcome> {
    const { cacheKey, orgId, appId, generationId, ttlMs, maxAgeMs, nowMs, endsByMs } = claim;
    const usable = `cache_entries.state <> 'failed' AND cache_entries.expires_at > :nowMs
      AND (cache_entries.state = 'running' OR cache_entries.completed_at > :oldestMs)`;
    const taken = await rows(
      manager,
      `INSERT INTO cache_entries (cache_key, org_id, app_id, generation_id, state, ttl_ms, failures, completed_at, expires_at)
       VALUES (:cacheKey, :orgId, :appId, :generationId, 'running', :ttlMs, 0, NULL, :endsByMs)
       ON CONFLICT (cache_key) DO UPDATE SET generation_id = excluded.generation_id, state = excluded.state, ttl_ms = excluded.ttl_ms,
         failures = 0, completed_at = NULL, expires_at = excluded.expires_at
       ${maxAgeMs === 0 ? '' : `WHERE NOT (${usable})`}
       RETURNING generation_id`,
      { cacheKey, orgId, appId, generationId, ttlMs, endsByMs, ...(maxAgeMs === 0 ? {} : { nowMs, oldestMs: nowMs - maxAgeMs }) },
    );
    if (taken.length === 1) return { kind: 'leads' };
    const entry = (await this.find(manager, [cacheKey])).get(cacheKey);
    // The statement above has locked it, so it cannot have gone.
    if (entry === undefined || entry.state === 'failed') throw new Error(`The cache entry ${cacheKey} changed under its lock`);
    return { kind: entry.state, generationId: entry.generationId };
  }

  /** Inside the caller's transaction: the generation that led failed; one of those who waited for it leads now. False: it was not the first. */
  async takeOver(
    manager: EntityManager,
    { cacheKey, generationId, endsByMs }: Pick<CacheClaim, 'cacheKey' | 'generationId' | 'endsByMs'>,
    failedId: string,
  ): Promise<boolean> {
    const taken = await rows(
      manager,
      `UPDATE cache_entries SET generation_id = :generationId, state = 'running', expires_at = :endsByMs
       WHERE cache_key = :cacheKey AND generation_id = :failedId AND state = 'failed' RETURNING cache_key`,
      { cacheKey, generationId, endsByMs, failedId },
    );
    return taken.length === 1;
  }

  /** Inside the transaction that took over: the entry is again that of the generation that failed. */
  async release(
    manager: EntityManager,
    { cacheKey, generationId }: Pick<CacheEntry, 'cacheKey' | 'generationId'>,
    failedId: string,
  ): Promise<void> {
    await rows(
      manager,
      `UPDATE cache_entries SET generation_id = :failedId, state = 'failed'
       WHERE cache_key = :cacheKey AND generation_id = :generationId AND state = 'running' RETURNING cache_key`,
      { cacheKey, generationId, failedId },
    );
  }

  /** Inside the transaction that writes the ends of generations that led. What was cleared or replaced meanwhile is not touched. */
  async end(manager: EntityManager, ends: readonly CacheEnd[]): Promise<void> {
    for (const { cacheKey, generationId, outcome, nowMs } of [...ends].sort((left, right) => (left.cacheKey < right.cacheKey ? -1 : 1))) {
      const change =
        outcome === 'completed'
          ? `state = 'completed', completed_at = :nowMs, expires_at = :nowMs + ttl_ms`
          : `state = 'failed', failures = failures + :failures, expires_at = :forgottenAtMs`;
      await rows(
        manager,
        `UPDATE cache_entries SET ${change} WHERE cache_key = :cacheKey AND generation_id = :generationId AND state = 'running' RETURNING cache_key`,
        {
          cacheKey,
          generationId,
          ...(outcome === 'completed' ? { nowMs } : { failures: outcome === 'failed' ? 1 : 0, forgottenAtMs: nowMs + FAILURE_MS }),
        },
      );
    }
  }

  /** By their keys. */
  async find(manager: EntityManager, cacheKeys: readonly string[]): Promise<ReadonlyMap<string, CacheEntry>> {
    if (cacheKeys.length === 0) return new Map();
    const found = await rows<CacheEntry>(manager, `SELECT ${COLUMNS} FROM cache_entries WHERE cache_key IN (:cacheKeys)`, { cacheKeys });
    return new Map(found.map((entry) => [entry.cacheKey, entry]));
  }

  /** A generation that stands for a key no longer: it was refused after all, or it or its files are gone. */
  async remove(manager: EntityManager, { cacheKey, generationId }: Pick<CacheEntry, 'cacheKey' | 'generationId'>): Promise<void> {
    await rows(manager, 'DELETE FROM cache_entries WHERE cache_key = :cacheKey AND generation_id = :generationId RETURNING cache_key', {
      cacheKey,
      generationId,
    });
  }

  /** What is just being made is not kept either. */
  async clear({ orgId, appId }: Tenant): Promise<number> {
    const cleared = await this.database.write((manager) =>
      rows(manager, 'DELETE FROM cache_entries WHERE org_id = :orgId AND app_id = :appId RETURNING cache_key', { orgId, appId }),
    );
    return cleared.length;
  }

  /** Results of a tenant that can be used. */
  async count({ orgId, appId }: Tenant, nowMs: number): Promise<number> {
    const [row] = await rows<{ entries: number }>(
      this.database.manager,
      `SELECT COUNT(*) AS entries FROM cache_entries
       WHERE org_id = :orgId AND app_id = :appId AND state = 'completed' AND expires_at > :nowMs`,
      { orgId, appId, nowMs },
    );
    return Number(row?.entries ?? 0);
  }

  async removeExpired(nowMs: number): Promise<void> {
    await this.database.write((manager) =>
      rows(manager, 'DELETE FROM cache_entries WHERE expires_at <= :nowMs RETURNING cache_key', { nowMs }),
    );
  }
}
