import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ApiError, Clock, microsToUsd, usdToMicros } from '../common/index.js';
import { ApiKeyEntity } from './api-key.entity.js';
import { type ApiKeyChange, ApiKeysRepository } from './api-keys.repository.js';
import { AuthService } from './auth.service.js';
import type {
  ApiKeyCreatedResponse,
  ApiKeyDetail,
  ApiKeyInfo,
  CreateApiKeyRequest,
  PatchApiKeyRequest,
  RotateApiKeyRequest,
} from './dto/api-key.dto.js';
import { KeyCapacities } from './key-capacities.service.js';
import { KeyQuotas, type KeySpending } from './key-quota.port.js';
import { newPublicId, newSecret, SHOWN_CHARACTERS } from './key-secrets.js';
import { type Principal, SCOPES, type Tenant } from './principal.js';

const DEFAULT_SCOPES = 'generate,read';
const NOTHING_SPENT: KeySpending = { quotaMicros: null, usedMicros: 0, heldMicros: 0 };

/** Keys of the caller's own application. */
@Injectable()
export class ApiKeysService {
  constructor(
    private readonly clock: Clock,
    private readonly repository: ApiKeysRepository,
    private readonly auth: AuthService,
    private readonly quotas: KeyQuotas,
    private readonly capacities: KeyCapacities,
  ) {}

  async create(principal: Principal, request: CreateApiKeyRequest): Promise<ApiKeyCreatedResponse> {
    const secret = newSecret();
    const now = this.clock.nowMs();
    const key = Object.assign(new ApiKeyEntity(), {
      id: randomUUID(),
      orgId: principal.orgId,
      appId: principal.appId,
      ownerUserId: null,
      name: request.name,
      publicId: newPublicId(),
      keyHash: this.auth.hash(secret),
      keyPrefix: secret.slice(0, SHOWN_CHARACTERS),
      previousKeyHash: null,
      previousExpiresAt: null,
      scopes: checkScopes(request.scopes ?? DEFAULT_SCOPES),
      allowedModels: request.allowed_models ?? null,
      rpmLimit: request.rpm_limit ?? null,
      maxInFlight: request.max_in_flight ?? null,
      maxQueued: request.max_queued ?? null,
      webhookUrl: request.webhook_url ?? null,
      cacheTtlSeconds: request.cache?.ttl_seconds ?? null,
      isActive: true,
      expiresAt: this.futureTime(request.expires_at),
      lastUsedAt: null,
      createdAt: now,
      updatedAt: now,
    });
    await this.repository.transaction(async (manager) => {
      await this.repository.insert(manager, key);
      await this.quotas.open(manager, key, quota(request.token_quota), now);
    });
    return this.created(key, secret);
  }

  async list(tenant: Tenant): Promise<ApiKeyInfo[]> {
    const keys = await this.repository.list(tenant);
    const spending = await this.quotas.of(keys.map(({ id }) => id));
    return keys.map((key) => ({ ...state(key, spending.get(key.id) ?? NOTHING_SPENT), prefix: key.keyPrefix }));
  }

  /** @throws ApiError `not_found` */
  async get(tenant: Tenant, id: string): Promise<ApiKeyDetail> {
    const key = await this.find(tenant, id);
    return { ...state(key, await this.spendingOf(id)), key_prefix: key.keyPrefix };
  }

  /** @throws ApiError `not_found` */
  async patch(tenant: Tenant, id: string, request: PatchApiKeyRequest): Promise<ApiKeyDetail> {
    const given = (name: keyof PatchApiKeyRequest): boolean => request[name] !== undefined;
    const change: ApiKeyChange = {
      ...(request.name === undefined ? {} : { name: request.name }),
      ...(request.scopes === undefined ? {} : { scopes: checkScopes(request.scopes) }),
      ...(request.is_active === undefined ? {} : { is_active: request.is_active }),
      ...(given('rpm_limit') ? { rpm_limit: request.rpm_limit ?? null } : {}),
      ...(given('max_in_flight') ? { max_in_flight: request.max_in_flight ?? null } : {}),
      ...(given('max_queued') ? { max_queued: request.max_queued ?? null } : {}),
      ...(given('webhook_url') ? { webhook_url: request.webhook_url ?? null } : {}),
      ...(given('cache') ? { cache_ttl_seconds: request.cache?.ttl_seconds ?? null } : {}),
      ...(given('expires_at') ? { expires_at: this.time(request.expires_at) } : {}),
      ...(given('allowed_models')
        ? { allowed_models: request.allowed_models == null ? null : JSON.stringify(request.allowed_models) }
        : {}),
    };
    await this.change(tenant, id, change, request.token_quota);
    return this.get(tenant, id);
  }

  /** @throws ApiError `not_found` */
  async revoke(tenant: Tenant, id: string): Promise<void> {
    await this.change(tenant, id, { is_active: false });
  }

  /** The same key with a new secret. @throws ApiError `not_found` */
  async rotate(tenant: Tenant, id: string, request: RotateApiKeyRequest): Promise<ApiKeyCreatedResponse> {
    const before = await this.find(tenant, id);
    const secret = newSecret();
    const graceMs = (request.grace_seconds ?? 0) * 1000;
    await this.change(tenant, id, {
      key_hash: this.auth.hash(secret),
      key_prefix: secret.slice(0, SHOWN_CHARACTERS),
      public_id: newPublicId(),
      previous_key_hash: graceMs === 0 ? null : before.keyHash,
      previous_expires_at: graceMs === 0 ? null : this.clock.nowMs() + graceMs,
    });
    return this.created(await this.find(tenant, id), secret);
  }

  /** @param quotaUsd null: no bound; undefined: as it is */
  private async change(tenant: Tenant, id: string, change: ApiKeyChange, quotaUsd?: number | null): Promise<void> {
    const now = this.clock.nowMs();
    await this.repository.transaction(async (manager) => {
      if (!(await this.repository.change(manager, tenant, id, change, now))) throw notFound(id);
      if (quotaUsd !== undefined) await this.quotas.change(manager, id, quota(quotaUsd), now);
    });
    this.auth.forget(id);
    this.capacities.forget(id);
  }

  private async find(tenant: Tenant, id: string): Promise<ApiKeyEntity> {
    const key = await this.repository.find(tenant, id);
    if (key === null) throw notFound(id);
    return key;
  }

  private async spendingOf(id: string): Promise<KeySpending> {
    return (await this.quotas.of([id])).get(id) ?? NOTHING_SPENT;
  }

  private async created(key: ApiKeyEntity, secret: string): Promise<ApiKeyCreatedResponse> {
    return { ...fields(key, await this.spendingOf(key.id)), key: secret, prefix: key.keyPrefix, created_at: iso(key.createdAt) };
  }

  private time(text: string | null | undefined): number | null {
    return text == null ? null : Date.parse(text);
  }

  private futureTime(text: string | null | undefined): number | null {
    const time = this.time(text);
    if (time !== null && time <= this.clock.nowMs()) {
      throw new ApiError('param_out_of_range', 'expires_at lies in the past.', { param: 'expires_at' });
    }
    return time;
  }
}

function notFound(id: string): ApiError {
  return new ApiError('not_found', `There is no API key with the id ${id}.`, { param: 'id' });
}

function quota(usd: number | null | undefined): number | null {
  return usd == null ? null : usdToMicros(usd);
}

function checkScopes(text: string): string {
  const scopes = text
    .split(',')
    .map((scope) => scope.trim())
    .filter((scope) => scope !== '');
  const unknown = scopes.find((scope) => !(SCOPES as readonly string[]).includes(scope));
  if (unknown !== undefined || scopes.length === 0) {
    throw new ApiError('param_enum_mismatch', unknown === undefined ? 'Name at least one scope.' : `There is no scope "${unknown}".`, {
      param: 'scopes',
      accepted: SCOPES,
    });
  }
  return [...new Set(scopes)].join(',');
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}

function fields(key: ApiKeyEntity, { quotaMicros }: KeySpending) {
  return {
    id: key.id,
    name: key.name,
    token_quota: quotaMicros === null ? null : microsToUsd(quotaMicros),
    rpm_limit: key.rpmLimit,
    max_in_flight: key.maxInFlight,
    max_queued: key.maxQueued,
    scopes: key.scopes,
    allowed_models: key.allowedModels,
    expires_at: isoOrNull(key.expiresAt),
    webhook_url: key.webhookUrl,
    cache: key.cacheTtlSeconds === null ? null : { ttl_seconds: key.cacheTtlSeconds },
    public_id: key.publicId,
  };
}

function state(key: ApiKeyEntity, spending: KeySpending) {
  return {
    ...fields(key, spending),
    created_at: iso(key.createdAt),
    is_active: key.isActive,
    tokens_used: microsToUsd(spending.usedMicros),
    tokens_held: microsToUsd(spending.heldMicros),
    last_used_at: isoOrNull(key.lastUsedAt),
    app_id: key.appId,
  };
}
