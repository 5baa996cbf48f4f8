import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../../../domain/access/index.js';
import { Database, GroupCommit, insertRows, rows } from '../../../platform/database/index.js';
import type { GenerationEntity } from '../model/generation.entity.js';
import type { IdempotentAdmission } from '../model/idempotency.policy.js';
import { IS_ACTIVE } from './status-conditions.js';

export interface IdempotencyRecord {
  readonly fingerprint: string;
  readonly generationId: string;
}

export interface IdempotencyClaim extends Tenant {
  readonly key: string;
  readonly fingerprint: string;
  readonly generationId: string;
  readonly nowMs: number;
  readonly expiresAtMs: number;
}

interface Row {
  readonly fingerprint: string;
  readonly generation_id: string;
}

/** None without a key. */
export function claimOf({
  generation,
  idempotency,
}: {
  readonly generation: GenerationEntity;
  readonly idempotency?: IdempotentAdmission;
}): IdempotencyClaim[] {
  if (idempotency?.key === undefined) return [];
  const { orgId, appId, id, createdAt } = generation;
  const { key, fingerprint, expiresAtMs } = idempotency;
  return [{ orgId, appId, key, fingerprint, generationId: id, nowMs: createdAt, expiresAtMs }];
}

/** Which generation each `Idempotency-Key` of a tenant stands for. */
@Injectable()
export class IdempotencyRepository {
  constructor(private readonly database: Database) {}

  async find({ orgId, appId }: Tenant, key: string, nowMs: number): Promise<IdempotencyRecord | null> {
    const found = await rows<Row>(
      this.database.manager,
      `SELECT fingerprint, generation_id FROM idempotency_keys
       WHERE org_id = :orgId AND app_id = :appId AND idempotency_key = :key AND expires_at > :nowMs`,
      { orgId, appId, key, nowMs },
    );
    const [row] = found;
    return row === undefined ? null : { fingerprint: row.fingerprint, generationId: row.generation_id };
  }

  /** Inside the admissions' transaction. Answers the generations that got their key: the first for each, unless it stands for another already. */
  async claim(manager: EntityManager, claims: readonly IdempotencyClaim[]): Promise<ReadonlySet<string>> {
    const firsts = new Map<string, IdempotencyClaim>();
    for (const claim of claims) {
      const name = `${claim.orgId}/${claim.appId}/${claim.key}`;
      if (!firsts.has(name)) firsts.set(name, claim);
    }
    if (firsts.size === 0) return new Set();
    // In one order whoever asks, so that no two transactions wait for each other.
    const ordered = [...firsts].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, claim]) => claim);
    const taken = await insertRows<{ id: string }>(
      manager,
      'idempotency_keys',
      ordered.map(({ orgId, appId, key, fingerprint, generationId, nowMs, expiresAtMs }) => ({
        org_id: orgId,
        app_id: appId,
        idempotency_key: key,
        fingerprint,
        generation_id: generationId,
        created_at: nowMs,
        expires_at: expiresAtMs,
      })),
      `ON CONFLICT (org_id, app_id, idempotency_key) DO UPDATE
         SET fingerprint = excluded.fingerprint, generation_id = excluded.generation_id, created_at = excluded.created_at, expires_at = excluded.expires_at
         WHERE idempotency_keys.expires_at <= excluded.created_at
       RETURNING generation_id AS id`,
    );
    return new Set(taken.map(({ id }) => id));
  }

  /** Inside the admissions' transaction: these were refused after all. */
  async forget(manager: EntityManager, claims: readonly IdempotencyClaim[]): Promise<void> {
    if (claims.length === 0) return;
    await rows(
      manager,
      `WITH :refused DELETE FROM idempotency_keys
       WHERE (org_id, app_id, idempotency_key) IN (SELECT org_id, app_id, idempotency_key FROM refused)`,
      { refused: claims.map(({ orgId, appId, key }) => ({ org_id: orgId, app_id: appId, idempotency_key: key })) },
    );
  }

  /** The generation was never sent, so the same request under the same key is a new one. */
  async release({ id, orgId, appId }: Tenant & { readonly id: string }, key: string): Promise<void> {
    await this.database.write((manager) =>
      rows(
        manager,
        `DELETE FROM idempotency_keys
         WHERE org_id = :orgId AND app_id = :appId AND idempotency_key = :key AND generation_id = :id RETURNING generation_id`,
        { orgId, appId, key, id },
      ),
    );
  }

  /** A key that outlived its time goes, unless its generation is still under way. */
  async removeExpired(nowMs: number): Promise<number> {
    const removed = await this.database.write((manager) =>
      rows(
        manager,
        `DELETE FROM idempotency_keys WHERE expires_at <= :nowMs
           AND generation_id NOT IN (SELECT id FROM generations WHERE ${IS_ACTIVE}) RETURNING generation_id`,
        { nowMs },
      ),
    );
    return removed.length;
  }
}

export interface RepeatedRequest extends Tenant {
  readonly keyId: string | null;
  readonly fingerprint: string;
  readonly sinceMs: number;
}

/** Finds what callers ask for again, for all requests of a moment with one statement. */
@Injectable()
export class RepeatedRequests {
  private readonly ofBrokenConnections = this.lookUps('AND client_gone_at IS NOT NULL');
  private readonly ofAll = this.lookUps('');

  constructor(private readonly database: Database) {}

  /** The caller's latest generation for the same request; with `onlyBroken`, one whose caller's connection broke. */
  latest(request: RepeatedRequest, { onlyBroken }: { readonly onlyBroken: boolean }): Promise<string | null> {
    return (onlyBroken ? this.ofBrokenConnections : this.ofAll).commit(request);
  }

  private lookUps(condition: string): GroupCommit<RepeatedRequest, string | null> {
    return new GroupCommit(async (items) => {
      const found = await rows<{ position: number | string; id: string }>(
        this.database.manager,
        `WITH :asked SELECT position, found AS id FROM (
           SELECT position, (
             SELECT id FROM generations WHERE org_id = asked.org AND app_id = asked.app AND fingerprint = asked.print
               AND created_at >= CAST(asked.since AS BIGINT) AND COALESCE(key_id, '') = COALESCE(asked.caller, '') AND deleted_at IS NULL ${condition}
             ORDER BY created_at DESC LIMIT 1) AS found
           FROM asked) looked WHERE found IS NOT NULL`,
        {
          asked: items.map(({ orgId, appId, keyId, fingerprint, sinceMs }, position) => ({
            position,
            org: orgId,
            app: appId,
            caller: keyId,
            print: fingerprint,
            since: sinceMs,
          })),
        },
      );
      const ids = new Map(found.map(({ position, id }) => [Number(position), id]));
      return items.map((_item, position) => ids.get(position) ?? null);
    });
  }
}
