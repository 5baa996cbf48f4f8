import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../../../domain/access/index.js';
import { Clock } from '../../../platform/common/index.js';
import { Database } from '../../../platform/database/index.js';
import { EndpointSecrets } from './endpoint-secrets.service.js';
import { EndpointsRepository, type KeyUrl } from './endpoints.repository.js';
import { newEndpoint } from './new-endpoint.js';
import type { WebhookEndpointEntity } from './webhook-endpoint.entity.js';
import { KEY_URL_EVENT_TYPES } from './webhooks.types.js';

/** Other replicas' changes are seen after this time at the latest. */
const CACHE_MS = 5_000;
const CACHED_APPLICATIONS = 10_000;

interface Cached {
  readonly endpoints: readonly WebhookEndpointEntity[];
  readonly freshUntilMs: number;
}

interface Differences {
  readonly missing: readonly KeyUrl[];
  readonly moved: readonly { readonly id: string; readonly url: string }[];
}

/** Knows an application's endpoints without asking the database for every event, and keeps those that keys' own URLs call for. */
@Injectable()
export class EndpointDirectory {
  private readonly cache = new Map<string, Cached>();

  constructor(
    private readonly clock: Clock,
    private readonly database: Database,
    private readonly repository: EndpointsRepository,
    private readonly secrets: EndpointSecrets,
  ) {}

  /**
   * The endpoints that may get something, newest first.
   * @param manager a transaction to read and write in; absent: one of its own when something is to be written
   */
  async endpointsOf(tenant: Tenant, manager?: EntityManager): Promise<readonly WebhookEndpointEntity[]> {
    const cached = this.cache.get(nameOf(tenant));
    if (cached !== undefined && cached.freshUntilMs > this.clock.monotonicMs()) return cached.endpoints;
    return this.refresh(tenant, manager);
  }

  /** As {@link endpointsOf}, as they stand right now. */
  async refresh(tenant: Tenant, manager?: EntityManager): Promise<readonly WebhookEndpointEntity[]> {
    const { endpoints, differences } = await this.read(manager ?? this.database.manager, tenant);
    if (differences.missing.length + differences.moved.length > 0) {
      const repaired = await (manager === undefined
        ? this.database.transaction((own) => this.repair(own, tenant, differences))
        : this.repair(manager, tenant, differences));
      // What was written in somebody else's transaction may yet be undone.
      if (manager === undefined) this.remember(tenant, repaired);
      return repaired;
    }
    this.remember(tenant, endpoints);
    return endpoints;
  }

  /** Makes this process see a change at once. */
  forget(tenant: Tenant): void {
    this.cache.delete(nameOf(tenant));
  }

  private remember(tenant: Tenant, endpoints: readonly WebhookEndpointEntity[]): void {
    if (this.cache.size >= CACHED_APPLICATIONS) this.cache.clear();
    this.cache.set(nameOf(tenant), { endpoints, freshUntilMs: this.clock.monotonicMs() + CACHE_MS });
  }

  private async read(manager: EntityManager, tenant: Tenant): Promise<{ endpoints: WebhookEndpointEntity[]; differences: Differences }> {
    const all = await this.repository.list(manager, tenant);
    const keyUrls = await this.repository.keyUrls(manager, tenant);
    const wanted = new Map(keyUrls.map(({ keyId, url }) => [keyId, url]));
    const own = all.filter(({ kind }) => kind === 'key_url');
    const known = new Set(own.map(({ keyId }) => keyId));
    return {
      endpoints: all.filter(({ kind, keyId }) => kind !== 'key_url' || wanted.has(keyId ?? '')),
      differences: {
        missing: keyUrls.filter(({ keyId }) => !known.has(keyId)),
        moved: own.flatMap(({ id, keyId, url: before }) => {
          const url = wanted.get(keyId ?? '');
          return url === undefined || url === before ? [] : [{ id, url }];
        }),
      },
    };
  }

  private async repair(manager: EntityManager, tenant: Tenant, { missing, moved }: Differences): Promise<WebhookEndpointEntity[]> {
    const nowMs = this.clock.nowMs();
    await this.repository.insertMissing(
      manager,
      missing.map(({ keyId, url }) =>
        newEndpoint(
          tenant,
          {
            kind: 'key_url',
            keyId,
            url,
            description: null,
            eventTypes: KEY_URL_EVENT_TYPES,
            algorithm: 'hmac-sha256',
            allowRequestUrls: false,
          },
          this.secrets,
          nowMs,
        ),
      ),
    );
    for (const { id, url } of moved) await this.repository.moveKeyUrl(manager, id, url, nowMs);
    return (await this.read(manager, tenant)).endpoints;
  }
}

function nameOf({ orgId, appId }: Tenant): string {
  return `${orgId} ${appId}`;
}
