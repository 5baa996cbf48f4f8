import { Inject, Injectable } from '@nestjs/common';
import type { Tenant } from '../../domain/access/index.js';
import { ApiError, Clock } from '../../platform/common/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { Database, type SqlValue } from '../../platform/database/index.js';
import { checkUrl, EgressService } from '../../platform/security/index.js';
import { Deliverer } from './delivery/deliverer.service.js';
import { DeliveriesRepository } from './delivery/deliveries.repository.js';
import { EndpointDirectory } from './endpoints/endpoint-directory.service.js';
import { EndpointSecrets } from './endpoints/endpoint-secrets.service.js';
import { EndpointsRepository, FORGIVEN } from './endpoints/endpoints.repository.js';
import { type EndpointWish, newEndpoint } from './endpoints/new-endpoint.js';
import type { WebhookEndpointEntity } from './endpoints/webhook-endpoint.entity.js';
import { type Algorithm, DEFAULT_EVENT_TYPES } from './endpoints/webhooks.types.js';

const MS_PER_SECOND = 1000;
const MOST_ENDPOINTS = 100;
const MOST_PUBLISHED_ENDPOINTS = 1000;

/** Of one key with `keyId`, else of the application; what is absent has a default. */
export type NewEndpoint = Pick<EndpointWish, 'url'> & Partial<Omit<EndpointWish, 'kind' | 'url'>>;

/** What is absent stays as it is. */
export interface EndpointChange extends Partial<Pick<EndpointWish, 'url' | 'description' | 'eventTypes' | 'allowRequestUrls'>> {
  readonly disabled?: boolean;
}

/** Endpoints of the caller's own application. */
@Injectable()
export class EndpointsService {
  constructor(
    private readonly clock: Clock,
    private readonly database: Database,
    private readonly repository: EndpointsRepository,
    private readonly deliveries: DeliveriesRepository,
    private readonly directory: EndpointDirectory,
    private readonly secrets: EndpointSecrets,
    private readonly deliverer: Deliverer,
    private readonly egress: EgressService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Those of keys' own URLs included. */
  list(tenant: Tenant): Promise<readonly WebhookEndpointEntity[]> {
    return this.directory.refresh(tenant);
  }

  /** @throws ApiError `not_found` */
  async get(tenant: Tenant, id: string): Promise<WebhookEndpointEntity> {
    const endpoint = (await this.list(tenant)).find((known) => known.id === id);
    if (endpoint === undefined) throw notFound(id);
    return endpoint;
  }

  /** @throws ApiError `url_blocked`, `not_found` for the key, `conflict` when there are too many */
  async create(tenant: Tenant, wish: NewEndpoint): Promise<WebhookEndpointEntity> {
    checkUrl(this.egress, wish.url, 'url');
    const { keyId = null } = wish;
    if (keyId !== null && (await this.repository.findKey(tenant, keyId)) === null) {
      throw new ApiError('not_found', `There is no API key ${keyId}.`, { param: 'key_id' });
    }
    const known = (await this.list(tenant)).filter(({ kind }) => kind !== 'key_url');
    if (known.length >= MOST_ENDPOINTS) throw new ApiError('conflict', `An application has at most ${MOST_ENDPOINTS} webhook endpoints.`);
    const endpoint = newEndpoint(
      tenant,
      {
        kind: keyId === null ? 'application' : 'key',
        keyId,
        url: wish.url,
        description: wish.description ?? null,
        eventTypes: wish.eventTypes ?? DEFAULT_EVENT_TYPES,
        algorithm: wish.algorithm ?? 'hmac-sha256',
        allowRequestUrls: wish.allowRequestUrls ?? false,
      },
      this.secrets,
      this.clock.nowMs(),
    );
    await this.database.write((manager) => this.repository.insert(manager, endpoint));
    this.directory.forget(tenant);
    return endpoint;
  }

  /** @throws ApiError `not_found`, `url_blocked`, `conflict` for the URL of an endpoint that a key keeps */
  async patch(tenant: Tenant, id: string, wanted: EndpointChange): Promise<WebhookEndpointEntity> {
    const before = await this.get(tenant, id);
    if (wanted.url !== undefined) {
      if (before.kind === 'key_url') {
        throw new ApiError('conflict', 'This endpoint follows its API key: change the key’s webhook_url instead.', { param: 'url' });
      }
      checkUrl(this.egress, wanted.url, 'url');
    }
    const nowMs = this.clock.nowMs();
    const change: Record<string, SqlValue> = {
      ...(wanted.url === undefined || wanted.url === before.url ? {} : { ...FORGIVEN, url: wanted.url, ...disabledColumns(before) }),
      ...(wanted.description === undefined ? {} : { description: wanted.description }),
      ...(wanted.eventTypes === undefined ? {} : { event_types: JSON.stringify(wanted.eventTypes) }),
      ...(wanted.allowRequestUrls === undefined ? {} : { allow_request_urls: wanted.allowRequestUrls }),
      ...(wanted.disabled === undefined ? {} : wanted.disabled ? { disabled_at: nowMs, disabled_reason: 'manual' } : FORGIVEN),
    };
    await this.change(tenant, id, change);
    this.deliverer.wake();
    return this.get(tenant, id);
  }

  /** What still waits for it becomes a dead letter; its log stays until it is old. @throws ApiError `not_found`, `conflict` */
  async remove(tenant: Tenant, id: string): Promise<void> {
    const { kind } = await this.get(tenant, id);
    if (kind === 'key_url') {
      throw new ApiError('conflict', 'This endpoint follows its API key: clear the key’s webhook_url instead.', { param: 'id' });
    }
    const nowMs = this.clock.nowMs();
    await this.database.transaction(async (manager) => {
      await this.repository.lock(manager, [id]);
      if (!(await this.repository.change(manager, tenant, id, { deleted_at: nowMs }, nowMs))) throw notFound(id);
      await this.deliveries.giveUp(manager, id, 'the endpoint was deleted', nowMs);
    });
    this.directory.forget(tenant);
  }

  /**
   * The old secret signs beside the new one until its grace ends.
   * @param graceSeconds default: as configured
   * @param algorithm default: as before
   * @throws ApiError `not_found`
   */
  async rotate(
    tenant: Tenant,
    id: string,
    { graceSeconds = this.config.webhooks.rotation_grace_seconds, algorithm }: { graceSeconds?: number; algorithm?: Algorithm },
  ): Promise<WebhookEndpointEntity> {
    const before = await this.get(tenant, id);
    const fresh = this.secrets.create(id, algorithm ?? before.algorithm);
    const kept = graceSeconds > 0;
    await this.change(tenant, id, {
      algorithm: fresh.algorithm,
      secret: fresh.secret,
      public_key: fresh.publicKey,
      previous_algorithm: kept ? before.algorithm : null,
      previous_secret: kept ? before.secret : null,
      previous_public_key: kept ? before.publicKey : null,
      previous_expires_at: kept ? this.clock.nowMs() + graceSeconds * MS_PER_SECOND : null,
    });
    return this.get(tenant, id);
  }

  /** Of the newest endpoints of all applications, or of the one. Base64 of the 32 bytes each. */
  publicKeys(endpointId: string | undefined): Promise<readonly string[]> {
    return this.repository.publicKeys(endpointId, this.clock.nowMs(), MOST_PUBLISHED_ENDPOINTS);
  }

  private async change(tenant: Tenant, id: string, change: Readonly<Record<string, SqlValue>>): Promise<void> {
    const nowMs = this.clock.nowMs();
    if (!(await this.database.write((manager) => this.repository.change(manager, tenant, id, change, nowMs)))) throw notFound(id);
    this.directory.forget(tenant);
  }
}

/** Moving does not switch on what its owner switched off. */
function disabledColumns({ disabledAt, disabledReason }: WebhookEndpointEntity): Record<string, SqlValue> {
  return disabledReason === 'manual' ? { disabled_at: disabledAt, disabled_reason: disabledReason } : {};
}

function notFound(id: string): ApiError {
  return new ApiError('not_found', `There is no webhook endpoint ${id}.`, { param: 'id' });
}
