import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Database, insertRows, rows, type SqlValue } from '../database/index.js';
import { ApiKeyEntity } from './api-key.entity.js';
import type { Tenant } from './principal.js';

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

  /** Null when there is no such key. */
  capacityOf(id: string): Promise<Pick<ApiKeyEntity, 'maxInFlight' | 'maxQueued'> | null> {
    return this.database.manager.findOne(ApiKeyEntity, { where: { id }, select: { id: true, maxInFlight: true, maxQueued: true } });
  }

  find({ orgId, appId }: Tenant, id: string): Promise<ApiKeyEntity | null> {
    return this.database.manager.findOneBy(ApiKeyEntity, { id, orgId, appId });
  }

  list({ orgId, appId }: Tenant): Promise<ApiKeyEntity[]> {
    return this.database.manager.find(ApiKeyEntity, { where: { orgId, appId }, order: { createdAt: 'DESC', id: 'ASC' }, take: 1000 });
  }

  /** Commits what `work` changes, or nothing of it. */
  transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.database.transaction(work);
  }

  async insert(manager: EntityManager, row: ApiKeyEntity): Promise<void> {
    await insertRows(manager, 'api_keys', [
      {
        id: row.id,
        org_id: row.orgId,
        app_id: row.appId,
        owner_user_id: row.ownerUserId,
        name: row.name,
        public_id: row.publicId,
        key_hash: row.keyHash,
        key_prefix: row.keyPrefix,
        scopes: row.scopes,
        allowed_models: row.allowedModels === null ? null : JSON.stringify(row.allowedModels),
        rpm_limit: row.rpmLimit,
        max_in_flight: row.maxInFlight,
        max_queued: row.maxQueued,
        webhook_url: row.webhookUrl,
        cache_ttl_seconds: row.cacheTtlSeconds,
        is_active: row.isActive,
        expires_at: row.expiresAt,
        created_at: row.createdAt,
        updated_at: row.updatedAt,
      },
    ]);
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
