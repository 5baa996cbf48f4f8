import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../auth/index.js';
import { Database, rows } from '../database/index.js';
import { ACTIVE_STATUSES } from './generation.types.js';

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

const ACTIVE = ACTIVE_STATUSES.map((status) => `'${status}'`).join(',');

/** Which generation each `Idempotency-Key` of a tenant stands for (R2). */
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

  /** Inside the admission's transaction. False when the key already stands for another generation. */
  async claim(manager: EntityManager, claim: IdempotencyClaim): Promise<boolean> {
    const { orgId, appId, key, fingerprint, generationId, nowMs, expiresAtMs } = claim;
    const taken = await rows(
      manager,
      `INSERT INTO idempotency_keys (org_id, app_id, idempotency_key, fingerprint, generation_id, created_at, expires_at)
       VALUES (:orgId, :appId, :key, :fingerprint, :generationId, :nowMs, :expiresAtMs)
       ON CONFLICT (org_id, app_id, idempotency_key) DO UPDATE
         SET fingerprint = excluded.fingerprint, generation_id = excluded.generation_id, created_at = excluded.created_at, expires_at = excluded.expires_at
         WHERE idempotency_keys.expires_at <= :nowMs
       RETURNING generation_id`,
      { orgId, appId, key, fingerprint, generationId, nowMs, expiresAtMs },
    );
    return taken.length === 1;
  }

  /** Inside the admission's transaction: the request was refused after all. */
  async forget(manager: EntityManager, { orgId, appId }: Tenant, key: string): Promise<void> {
    await rows(
      manager,
      'DELETE FROM idempotency_keys WHERE org_id = :orgId AND app_id = :appId AND idempotency_key = :key RETURNING generation_id',
      { orgId, appId, key },
    );
  }

  /** A key that outlived its time goes, unless its generation is still under way. */
  async removeExpired(nowMs: number): Promise<number> {
    const removed = await this.database.write((manager) =>
      rows(
        manager,
        `DELETE FROM idempotency_keys WHERE expires_at <= :nowMs
           AND generation_id NOT IN (SELECT id FROM generations WHERE status IN (${ACTIVE})) RETURNING generation_id`,
        { nowMs },
      ),
    );
    return removed.length;
  }
}
