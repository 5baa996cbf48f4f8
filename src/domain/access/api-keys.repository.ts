import { Injectable } from '@nestjs/common';
import { type EntityManager, In } from 'typeorm';
import { type Cursor, firstOf, type Page, type PageRequest } from '../../platform/common/index.js';
import { Database, insertEntities, rows, type SqlValue } from '../../platform/database/index.js';
import type { Tenant } from './access.js';
import { ApiKeyEntity } from './api-key.entity.js';

/** Columns that callers may change. */
export type ApiKeyChange = Readonly<
  Partial<
    Record<
      | 'name'
      | 'scopes'
      | 'allowed_models'
      | 'rpm_limit'
      | 'max_in_flight'
      | 'max_queued'
      | 'webhook_url'
      | 'cache_ttl_seconds'
      | 'strict'
      | 'expires_at'
      | 'is_active'
      | 'key_hash'
      | 'key_prefix'
      | 'public_id'
      | 'previous_key_hash'
      | 'previous_expires_at',
      SqlValue
    >
  >
>;

@Injectable()
export class ApiKeysRepository {
  constructor(private readonly database: Database) {}

  /** The key whose current or previous secret has this hash, whatever its state. */
  async findByHash(hash: string): Promise<ApiKeyEntity | null> {
    const { manager } = this.database;
    return (await manager.findOneBy(ApiKeyEntity, { keyHash: hash })) ?? manager.findOneBy(ApiKeyEntity, { previousKeyHash: hash });
  }

  /** Those of the ids that applications have. */
  async knownApplications(ids: readonly string[]): Promise<ReadonlySet<string>> {
    if (ids.length === 0) return new Set();
    const known = await rows<{ id: string }>(this.database.manager, 'SELECT id FROM applications WHERE id IN (:ids)', { ids });
    return new Set(known.map(({ id }) => id));
  }

  /** Null when there is no such key. */
  capacityOf(id: string): Promise<Pick<ApiKeyEntity, 'maxInFlight' | 'maxQueued'> | null> {
    return this.database.manager.findOne(ApiKeyEntity, { where: { id }, select: { id: true, maxInFlight: true, maxQueued: true } });
  }

  find({ orgId, appId }: Tenant, id: string): Promise<ApiKeyEntity | null> {
    return this.database.manager.findOneBy(ApiKeyEntity, { id, orgId, appId });
  }

  /** Newest first. Rows may name many models, and are read only where there is room for them. */
  async list({ orgId, appId }: Tenant, { perPage, after }: PageRequest): Promise<Pick<Page<ApiKeyEntity>, 'rows' | 'next'>> {
    const { manager } = this.database;
    const places = await rows<Cursor & { bytes: number | string }>(
      manager,
      `SELECT id, created_at AS "createdAt", COALESCE(OCTET_LENGTH(allowed_models), 0) AS bytes FROM api_keys
       WHERE org_id = :orgId AND app_id = :appId
         ${after === undefined ? '' : 'AND (created_at, id) < (:afterCreatedAt, :afterId)'} ORDER BY created_at DESC, id DESC LIMIT :limit`,
      { orgId, appId, limit: perPage + 1, ...(after === undefined ? {} : { afterCreatedAt: after.createdAt, afterId: after.id }) },
    );
    const { rows: taken, next } = firstOf(places, perPage, ({ bytes }) => Number(bytes));
    const keys = await manager.find(ApiKeyEntity, {
      where: { id: In(taken.map(({ id }) => id)) },
      order: { createdAt: 'DESC', id: 'DESC' },
    });
    return { rows: keys, next };
  }

  /** Commits what `work` changes, or nothing of it. */
  transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.database.transaction(work);
  }

  async insert(manager: EntityManager, row: ApiKeyEntity): Promise<void> {
    await insertEntities(manager, ApiKeyEntity, [row]);
  }

  /** False when the tenant has no such key. */
  async change(manager: EntityManager, { orgId, appId }: Tenant, id: string, change: ApiKeyChange, nowMs: number): Promise<boolean> {
    const values = { ...change, updated_at: nowMs };
    const assignments = Object.keys(values).map((column) => `${column} = :${column}`);
    const changed = await rows(
      manager,
      `UPDATE api_keys SET ${assignments.join(', ')} WHERE id = :where_id AND org_id = :where_org AND app_id = :where_app RETURNING id`,
      { ...values, where_id: id, where_org: orgId, where_app: appId },
    );
    return changed.length === 1;
  }

  async touch(ids: readonly string[], nowMs: number): Promise<void> {
    await this.database.write((manager) =>
      rows(manager, 'UPDATE api_keys SET last_used_at = :now WHERE id IN (:ids) RETURNING id', { now: nowMs, ids }),
    );
  }
}
