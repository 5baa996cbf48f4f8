import { Inject, Injectable } from '@nestjs/common';
import type { Tenant } from '../../domain/access/index.js';
import { ApiError, Clock } from '../../platform/common/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { Database, type SqlValue } from '../../platform/database/index.js';
import { checkUrl, EgressService } from '../../platform/security/index.js';
import { Deliverer } from './deliverer.service.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import type { CreateEndpointRequest, PatchEndpointRequest, RotateSecretRequest } from './dto/endpoint.dto.js';
import { EndpointDirectory } from './endpoint-directory.service.js';
import { EndpointSecrets } from './endpoint-secrets.service.js';
import { EndpointsRepository, FORGIVEN } from './endpoints.repository.js';
import { newEndpoint } from './new-endpoint.js';
import type { WebhookEndpointEntity } from './webhook-endpoint.entity.js';
import { DEFAULT_EVENT_TYPES } from './webhooks.types.js';

const MS_PER_SECOND = 1000;
const MOST_ENDPOINTS = 100;

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
  async create(tenant: Tenant, request: CreateEndpointRequest): Promise<WebhookEndpointEntity> {
    checkUrl(this.egress, request.url, 'url');
    const keyId = request.key_id ?? null;
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
        url: request.url,
        description: request.description ?? null,
        eventTypes: request.event_types ?? DEFAULT_EVENT_TYPES,
        algorithm: request.algorithm ?? 'hmac-sha256',
        allowRequestUrls: request.allow_request_urls ?? false,
      },
      this.secrets,
      this.clock.nowMs(),
    );
    await this.database.write((manager) => this.repository.insert(manager, endpoint));
    this.directory.forget(tenant);
    return endpoint;
  }

  /** @throws ApiError `not_found`, `url_blocked`, `conflict` for the URL of an endpoint that a key keeps */
  async patch(tenant: Tenant, id: string, request: PatchEndpointRequest): Promise<WebhookEndpointEntity> {
    const before = await this.get(tenant, id);
    if (request.url !== undefined) {
      if (before.kind === 'key_url') {
        throw new ApiError('conflict', 'This endpoint follows its API key: change the key’s webhook_url instead.', { param: 'url' });
      }
      checkUrl(this.egress, request.url, 'url');
    }
    const nowMs = this.clock.nowMs();
    const change: Record<string, SqlValue> = {
      ...(request.url === undefined || request.url === before.url ? {} : { ...FORGIVEN, url: request.url, ...disabledColumns(before) }),
      ...(request.description === undefined ? {} : { description: request.description }),
      ...(request.event_types === undefined ? {} : { event_types: JSON.stringify(request.event_types) }),
      ...(request.allow_request_urls === undefined ? {} : { allow_request_urls: request.allow_request_urls }),
      ...(request.disabled === undefined ? {} : request.disabled ? { disabled_at: nowMs, disabled_reason: 'manual' } : FORGIVEN),
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

  /** The old secret signs beside the new one until its grace ends. @throws ApiError `not_found` */
  async rotate(tenant: Tenant, id: string, request: RotateSecretRequest): Promise<WebhookEndpointEntity> {
    const before = await this.get(tenant, id);
    const fresh = this.secrets.create(id, request.algorithm ?? before.algorithm);
    const graceSeconds = request.grace_seconds ?? this.config.webhooks.rotation_grace_seconds;
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
