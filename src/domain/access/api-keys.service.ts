import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ApiError, Clock, microsToUsd, type Page, type PageRequest, timeOf, usdToMicros } from '../../platform/common/index.js';
import { checkUrl, EgressService } from '../../platform/security/index.js';
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
import { KeyPowers, type Limited } from './key-powers.service.js';
import { KeyQuotas, type KeySpending } from './key-quota.port.js';
import { newPublicId, newSecret, SHOWN_CHARACTERS } from './key-secrets.js';
import { type Principal, SCOPES, type Tenant } from './principal.js';

const DEFAULT_SCOPES = 'generate,read';
const NOTHING_SPENT: KeySpending = { quotaMicros: null, usedMicros: 0, heldMicros: 0 };

interface QuotaChange {
  /** Null: no bound; undefined: as it is. */
  readonly quotaUsd?: number | null;
  /** Takes from the caller's own what it gives. */
  readonly paid?: (manager: EntityManager, nowMs: number) => Promise<void>;
}

/** Keys of the caller's own application. */
@Injectable()
export class ApiKeysService {
  constructor(
    private readonly clock: Clock,
    private readonly repository: ApiKeysRepository,
    private readonly auth: AuthService,
    private readonly quotas: KeyQuotas,
    private readonly capacities: KeyCapacities,
    private readonly powers: KeyPowers,
    private readonly egress: EgressService,
  ) {}

  /** @throws ApiError `forbidden` for more than the caller's own key may do */
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
      webhookUrl: this.webhookUrl(request.webhook_url),
      cacheTtlSeconds: request.cache?.ttl_seconds ?? null,
      strict: request.strict ?? null,
      isActive: true,
      expiresAt: this.futureTime(request.expires_at),
      lastUsedAt: null,
      createdAt: now,
      updatedAt: now,
    });
    const quotaMicros = quota(request.token_quota);
    await this.powers.check(principal, this.powers.of(key, quotaMicros));
    await this.repository.transaction(async (manager) => {
      await this.powers.payQuota(manager, principal, quotaMicros ?? 0, now);
      await this.repository.insert(manager, key);
      await this.quotas.open(manager, key, quotaMicros, now);
    });
    return this.created(key, secret);
  }

  async list(tenant: Tenant, page: PageRequest): Promise<Pick<Page<ApiKeyInfo>, 'rows' | 'next'>> {
    const { rows: keys, next } = await this.repository.list(tenant, page);
    const spending = await this.quotas.of(keys.map(({ id }) => id));
    return { rows: keys.map((key) => ({ ...state(key, spending.get(key.id) ?? NOTHING_SPENT), prefix: key.keyPrefix })), next };
  }

  /** @throws ApiError `not_found` */
  async get(tenant: Tenant, id: string): Promise<ApiKeyDetail> {
    const key = await this.find(tenant, id);
    return { ...state(key, await this.spendingOf(id)), key_prefix: key.keyPrefix };
  }

  /** @throws ApiError `not_found`, `forbidden` for more than the caller's own key may do */
  async patch(principal: Principal, id: string, request: PatchApiKeyRequest): Promise<ApiKeyDetail> {
    const key = await this.find(principal, id);
    const quotaBefore = (await this.spendingOf(id)).quotaMicros;
    const given = (name: keyof PatchApiKeyRequest): boolean => request[name] !== undefined;
    const change: ApiKeyChange = {
      ...(request.name === undefined ? {} : { name: request.name }),
      ...(request.scopes === undefined ? {} : { scopes: checkScopes(request.scopes) }),
      ...(request.is_active === undefined ? {} : { is_active: request.is_active }),
      ...(given('rpm_limit') ? { rpm_limit: request.rpm_limit ?? null } : {}),
      ...(given('max_in_flight') ? { max_in_flight: request.max_in_flight ?? null } : {}),
      ...(given('max_queued') ? { max_queued: request.max_queued ?? null } : {}),
      ...(given('webhook_url') ? { webhook_url: this.webhookUrl(request.webhook_url) } : {}),
      ...(given('cache') ? { cache_ttl_seconds: request.cache?.ttl_seconds ?? null } : {}),
      ...(given('strict') ? { strict: request.strict ?? null } : {}),
      ...(given('expires_at') ? { expires_at: this.time(request.expires_at) } : {}),
      ...(given('allowed_models')
        ? { allowed_models: request.allowed_models == null ? null : JSON.stringify(request.allowed_models) }
        : {}),
    };
    const quotaAfter = given('token_quota') ? quota(request.token_quota) : quotaBefore;
    const [before, after] = [this.powers.of(key, quotaBefore), this.powers.of(changed(key, change), quotaAfter)];
    if (request.is_active === true && !key.isActive) await this.powers.check(principal, after);
    else await this.powers.checkChange(principal, before, after);
    await this.change(principal, id, change, {
      quotaUsd: request.token_quota,
      paid: (manager, nowMs) => this.powers.payQuota(manager, principal, (quotaAfter ?? 0) - (quotaBefore ?? quotaAfter ?? 0), nowMs),
    });
    return this.get(principal, id);
  }

  /** @throws ApiError `not_found` */
  async revoke(tenant: Tenant, id: string): Promise<void> {
    await this.change(tenant, id, { is_active: false });
  }

  /** The same key with a new secret. @throws ApiError `not_found`, `forbidden` for a key that may do more than the caller's own */
  async rotate(principal: Principal, id: string, request: RotateApiKeyRequest): Promise<ApiKeyCreatedResponse> {
    const before = await this.find(principal, id);
    // Whoever has the new secret has the key.
    await this.powers.check(principal, this.powers.of(before, (await this.spendingOf(id)).quotaMicros));
    const secret = newSecret();
    const graceMs = (request.grace_seconds ?? 0) * 1000;
    await this.change(principal, id, {
      key_hash: this.auth.hash(secret),
      key_prefix: secret.slice(0, SHOWN_CHARACTERS),
      public_id: newPublicId(),
      previous_key_hash: graceMs === 0 ? null : before.keyHash,
      previous_expires_at: graceMs === 0 ? null : this.clock.nowMs() + graceMs,
    });
    return this.created(await this.find(principal, id), secret);
  }

  private async change(tenant: Tenant, id: string, change: ApiKeyChange, { quotaUsd, paid }: QuotaChange = {}): Promise<void> {
    const now = this.clock.nowMs();
    await this.repository.transaction(async (manager) => {
      await paid?.(manager, now);
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
    return text == null ? null : timeOf('expires_at', text).ms;
  }

  private futureTime(text: string | null | undefined): number | null {
    const time = this.time(text);
    if (time !== null && time <= this.clock.nowMs()) {
      throw new ApiError('param_out_of_range', 'expires_at lies in the past.', { param: 'expires_at' });
    }
    return time;
  }

  /** @throws ApiError `url_blocked`, as for endpoints */
  private webhookUrl(url: string | null | undefined): string | null {
    if (url === null || url === undefined) return null;
    checkUrl(this.egress, url, 'webhook_url');
    return url;
  }
}

/** As it will be, as far as its powers go. */
function changed(key: ApiKeyEntity, change: ApiKeyChange): Limited {
  const { scopes, allowed_models: models, rpm_limit: rpm, max_in_flight: inFlight, max_queued: queued, expires_at: expires } = change;
  return {
    scopes: typeof scopes === 'string' ? scopes : key.scopes,
    allowedModels: models === undefined ? key.allowedModels : (JSON.parse(String(models)) as string[] | null),
    rpmLimit: rpm === undefined ? key.rpmLimit : (rpm as number | null),
    maxInFlight: inFlight === undefined ? key.maxInFlight : (inFlight as number | null),
    maxQueued: queued === undefined ? key.maxQueued : (queued as number | null),
    expiresAt: expires === undefined ? key.expiresAt : (expires as number | null),
  };
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
    strict: key.strict,
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
