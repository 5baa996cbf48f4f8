import { Injectable } from '@nestjs/common';
import { type EntityManager, In, IsNull, Not } from 'typeorm';
import { ApiKeyEntity, type Tenant } from '../../../domain/access/index.js';
import { Database, dialectOf, insertEntities, rows, type SqlValue } from '../../../platform/database/index.js';
import type { EndpointHealth } from './retry.policy.js';
import { WebhookEndpointEntity } from './webhook-endpoint.entity.js';
import type { DisabledReason } from './webhooks.types.js';

/** A key that names a URL of its own. */
export interface KeyUrl {
  readonly keyId: string;
  readonly url: string;
}

/** What the outcome of an attempt is judged by. */
export type LockedEndpoint = EndpointHealth & Pick<WebhookEndpointEntity, 'id' | 'orgId' | 'appId' | 'url' | 'disabledAt'>;

/** Columns that callers and rotations change. */
export type EndpointChange = Readonly<Record<string, SqlValue>>;

/** What a healthy endpoint has in its columns. */
export const FORGIVEN: EndpointChange = {
  disabled_at: null,
  disabled_reason: null,
  consecutive_failures: 0,
  failing_since: null,
  last_failure_at: null,
  paused_until: null,
};

/** All SQL about endpoints. */
@Injectable()
export class EndpointsRepository {
  constructor(private readonly database: Database) {}

  /** Those that were not deleted, newest first. */
  list(manager: EntityManager, { orgId, appId }: Tenant): Promise<WebhookEndpointEntity[]> {
    return manager.find(WebhookEndpointEntity, { where: { orgId, appId, deletedAt: IsNull() }, order: { createdAt: 'DESC', id: 'ASC' } });
  }

  async keyUrls(manager: EntityManager, { orgId, appId }: Tenant): Promise<KeyUrl[]> {
    const where = { orgId, appId, webhookUrl: Not(IsNull()) };
    const keys = await manager.find(ApiKeyEntity, { where, select: { id: true, webhookUrl: true } });
    return keys.map(({ id, webhookUrl }) => ({ keyId: id, url: webhookUrl ?? '' }));
  }

  find({ orgId, appId }: Tenant, id: string): Promise<WebhookEndpointEntity | null> {
    return this.database.manager.findOneBy(WebhookEndpointEntity, { id, orgId, appId, deletedAt: IsNull() });
  }

  findKey({ orgId, appId }: Tenant, keyId: string): Promise<ApiKeyEntity | null> {
    return this.database.manager.findOneBy(ApiKeyEntity, { id: keyId, orgId, appId });
  }

  /** For deliveries: without a tenant, each with the URL that counts now; what was deleted or lost its URL is not among them. */
  async targets(ids: readonly string[]): Promise<ReadonlyMap<string, WebhookEndpointEntity>> {
    const { manager } = this.database;
    const endpoints = await manager.findBy(WebhookEndpointEntity, { id: In([...ids]), deletedAt: IsNull() });
    const keyIds = endpoints.flatMap(({ kind, keyId }) => (kind === 'key_url' && keyId !== null ? [keyId] : []));
    const keys =
      keyIds.length === 0 ? [] : await manager.find(ApiKeyEntity, { where: { id: In(keyIds) }, select: { id: true, webhookUrl: true } });
    const urls = new Map(keys.map(({ id, webhookUrl }) => [id, webhookUrl]));
    const targets = new Map<string, WebhookEndpointEntity>();
    for (const endpoint of endpoints) {
      const url = endpoint.kind === 'key_url' ? urls.get(endpoint.keyId ?? '') : endpoint.url;
      if (url != null) targets.set(endpoint.id, Object.assign(endpoint, { url }));
    }
    return targets;
  }

  /** Endpoints with a key that was in use at `nowMs`, for the published key set. */
  async publicKeys(endpointId: string | undefined, nowMs: number, limit: number): Promise<string[]> {
    const found = await this.database.manager.find(WebhookEndpointEntity, {
      where: { deletedAt: IsNull(), ...(endpointId === undefined ? {} : { id: endpointId }) },
      select: { publicKey: true, previousPublicKey: true, previousExpiresAt: true },
      order: { createdAt: 'DESC' },
      take: limit,
    });
    return found.flatMap(({ publicKey, previousPublicKey, previousExpiresAt }) => [
      ...(publicKey === null ? [] : [publicKey]),
      ...(previousPublicKey === null || (previousExpiresAt ?? 0) <= nowMs ? [] : [previousPublicKey]),
    ]);
  }

  async insert(manager: EntityManager, row: WebhookEndpointEntity): Promise<void> {
    await insertEntities(manager, WebhookEndpointEntity, [row]);
  }

  /** Adds the endpoints of keys' own URLs; another replica may have been first. */
  async insertMissing(manager: EntityManager, endpoints: readonly WebhookEndpointEntity[]): Promise<void> {
    if (endpoints.length === 0) return;
    await manager
      .createQueryBuilder()
      .insert()
      .into(WebhookEndpointEntity)
      .values([...endpoints])
      .orIgnore()
      .updateEntity(false)
      .execute();
  }

  /** A key that names another URL starts afresh. */
  async moveKeyUrl(manager: EntityManager, id: string, url: string, nowMs: number): Promise<void> {
    await this.changeColumns(manager, id, { ...FORGIVEN, url }, nowMs);
  }

  /** False when the tenant has no such endpoint. */
  async change(manager: EntityManager, { orgId, appId }: Tenant, id: string, change: EndpointChange, nowMs: number): Promise<boolean> {
    const values = { ...change, updated_at: nowMs };
    const changed = await rows(
      manager,
      `UPDATE webhook_endpoints SET ${assignments(values)}
       WHERE id = :where_id AND org_id = :where_org AND app_id = :where_app AND deleted_at IS NULL RETURNING id`,
      { ...values, where_id: id, where_org: orgId, where_app: appId },
    );
    return changed.length === 1;
  }

  /** The endpoints as they stand, kept from changing until the transaction ends. Always in the same order, so that nobody waits in a ring. */
  async lock(manager: EntityManager, ids: readonly string[]): Promise<ReadonlyMap<string, LockedEndpoint>> {
    const found = await rows<LockedEndpoint>(
      manager,
      `SELECT id, org_id AS "orgId", app_id AS "appId", url, consecutive_failures AS "consecutiveFailures",
         failing_since AS "failingSince", last_failure_at AS "lastFailureAt", paused_until AS "pausedUntil", disabled_at AS "disabledAt"
       FROM webhook_endpoints WHERE id IN (:ids) ORDER BY id ${dialectOf(manager) === 'postgres' ? 'FOR UPDATE' : ''}`,
      { ids: [...new Set(ids)] },
    );
    return new Map(found.map((endpoint) => [endpoint.id, endpoint]));
  }

  async writeHealth(manager: EntityManager, id: string, health: EndpointHealth, nowMs: number): Promise<void> {
    await this.changeColumns(
      manager,
      id,
      {
        consecutive_failures: health.consecutiveFailures,
        failing_since: health.failingSince,
        last_failure_at: health.lastFailureAt,
        paused_until: health.pausedUntil,
      },
      nowMs,
    );
  }

  async disable(manager: EntityManager, id: string, reason: DisabledReason, nowMs: number): Promise<void> {
    await this.changeColumns(manager, id, { disabled_at: nowMs, disabled_reason: reason }, nowMs);
  }

  /** Takes the right to probe an endpoint whose breaker is open. Only one replica gets it. */
  async takeProbe(id: string, nowMs: number, untilMs: number): Promise<boolean> {
    const taken = await this.database.write((manager) =>
      rows(
        manager,
        `UPDATE webhook_endpoints SET paused_until = :until
         WHERE id = :id AND disabled_at IS NULL AND (paused_until IS NULL OR paused_until <= :now) RETURNING id`,
        { id, until: untilMs, now: nowMs },
      ),
    );
    return taken.length === 1;
  }

  private async changeColumns(manager: EntityManager, id: string, change: EndpointChange, nowMs: number): Promise<void> {
    const values = { ...change, updated_at: nowMs };
    await rows(manager, `UPDATE webhook_endpoints SET ${assignments(values)} WHERE id = :where_id RETURNING id`, {
      ...values,
      where_id: id,
    });
  }
}

function assignments(values: EndpointChange): string {
  return Object.keys(values)
    .map((column) => `${column} = :${column}`)
    .join(', ');
}
