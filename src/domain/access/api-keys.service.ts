import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ApiError, Clock, type Micros, type Page, type PageRequest } from '../../platform/common/index.js';
import { checkUrl, EgressService } from '../../platform/security/index.js';
import { type Principal, SCOPES, type Tenant } from './access.js';
import { ApiKeyEntity } from './api-key.entity.js';
import { type ApiKeyChange, ApiKeysRepository } from './api-keys.repository.js';
import { AuthService, KeyCapacities } from './auth.service.js';
import { KeyPowers, type Limited } from './key-powers.service.js';
import { KeyQuotas, type KeySpending } from './key-quota.port.js';
import { newPublicId, newSecret, SHOWN_CHARACTERS } from './key-secrets.js';

const DEFAULT_SCOPES = 'generate,read';
const NOTHING_SPENT: KeySpending = { quotaMicros: null, usedMicros: 0, heldMicros: 0 };

type KeyLimits = Partial<
  Pick<ApiKeyEntity, 'allowedModels' | 'rpmLimit' | 'maxInFlight' | 'maxQueued' | 'webhookUrl' | 'cacheTtlSeconds' | 'strict' | 'expiresAt'>
> & {
  /** Null: no bound. */
  readonly quotaMicros?: Micros | null;
};

/** What is absent has no bound, or is as the configuration has it. */
export type NewKey = KeyLimits & Pick<ApiKeyEntity, 'name'> & Partial<Pick<ApiKeyEntity, 'scopes'>>;

/** What is absent stays as it is; null clears it. */
export type KeyChange = KeyLimits & Partial<Pick<ApiKeyEntity, 'name' | 'scopes' | 'isActive'>>;

export interface CountedKey {
  readonly key: ApiKeyEntity;
  readonly spending: KeySpending;
}

export interface NewSecret extends CountedKey {
  readonly secret: string;
}

interface QuotaChange {
  /** Null: no bound; undefined: as it is. */
  readonly quotaMicros?: Micros | null;
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
  async create(principal: Principal, wish: NewKey): Promise<NewSecret> {
    const secret = newSecret();
    const now = this.clock.nowMs();
    const key = Object.assign(new ApiKeyEntity(), {
      id: randomUUID(),
      orgId: principal.orgId,
      appId: principal.appId,
      ownerUserId: null,
      name: wish.name,
      publicId: newPublicId(),
      keyHash: this.auth.hash(secret),
      keyPrefix: secret.slice(0, SHOWN_CHARACTERS),
      previousKeyHash: null,
      previousExpiresAt: null,
      scopes: checkScopes(wish.scopes ?? DEFAULT_SCOPES),
      allowedModels: wish.allowedModels ?? null,
      rpmLimit: wish.rpmLimit ?? null,
      maxInFlight: wish.maxInFlight ?? null,
      maxQueued: wish.maxQueued ?? null,
      webhookUrl: this.webhookUrl(wish.webhookUrl),
      cacheTtlSeconds: wish.cacheTtlSeconds ?? null,
      strict: wish.strict ?? null,
      isActive: true,
      expiresAt: this.futureTime(wish.expiresAt),
      lastUsedAt: null,
      createdAt: now,
      updatedAt: now,
    });
    const { quotaMicros = null } = wish;
    await this.powers.check(principal, this.powers.of(key, quotaMicros));
    await this.repository.transaction(async (manager) => {
      await this.powers.payQuota(manager, principal, quotaMicros ?? 0, now);
      await this.repository.insert(manager, key);
      await this.quotas.open(manager, key, quotaMicros, now);
    });
    return { ...(await this.counted(key)), secret };
  }

  async list(tenant: Tenant, page: PageRequest): Promise<Pick<Page<CountedKey>, 'rows' | 'next'>> {
    const { rows: keys, next } = await this.repository.list(tenant, page);
    const spending = await this.quotas.of(keys.map(({ id }) => id));
    return { rows: keys.map((key) => ({ key, spending: spending.get(key.id) ?? NOTHING_SPENT })), next };
  }

  /** @throws ApiError `not_found` */
  async get(tenant: Tenant, id: string): Promise<CountedKey> {
    return this.counted(await this.find(tenant, id));
  }

  /** @throws ApiError `not_found`, `forbidden` for more than the caller's own key may do */
  async patch(principal: Principal, id: string, wanted: KeyChange): Promise<CountedKey> {
    const key = await this.find(principal, id);
    const quotaBefore = (await this.spendingOf(id)).quotaMicros;
    const { name, scopes, isActive, rpmLimit, maxInFlight, maxQueued, webhookUrl, cacheTtlSeconds, strict, expiresAt, allowedModels } =
      wanted;
    const change: ApiKeyChange = {
      ...(name === undefined ? {} : { name }),
      ...(scopes === undefined ? {} : { scopes: checkScopes(scopes) }),
      ...(isActive === undefined ? {} : { is_active: isActive }),
      ...(rpmLimit === undefined ? {} : { rpm_limit: rpmLimit }),
      ...(maxInFlight === undefined ? {} : { max_in_flight: maxInFlight }),
      ...(maxQueued === undefined ? {} : { max_queued: maxQueued }),
      ...(webhookUrl === undefined ? {} : { webhook_url: this.webhookUrl(webhookUrl) }),
      ...(cacheTtlSeconds === undefined ? {} : { cache_ttl_seconds: cacheTtlSeconds }),
      ...(strict === undefined ? {} : { strict }),
      ...(expiresAt === undefined ? {} : { expires_at: expiresAt }),
      ...(allowedModels === undefined ? {} : { allowed_models: allowedModels === null ? null : JSON.stringify(allowedModels) }),
    };
    const { quotaMicros: quotaAfter = quotaBefore } = wanted;
    const [before, after] = [this.powers.of(key, quotaBefore), this.powers.of(changed(key, change), quotaAfter)];
    if (isActive === true && !key.isActive) await this.powers.check(principal, after);
    else await this.powers.checkChange(principal, before, after);
    await this.change(principal, id, change, {
      quotaMicros: wanted.quotaMicros,
      paid: (manager, nowMs) => this.powers.payQuota(manager, principal, (quotaAfter ?? 0) - (quotaBefore ?? quotaAfter ?? 0), nowMs),
    });
    return this.get(principal, id);
  }

  /** @throws ApiError `not_found` */
  async revoke(tenant: Tenant, id: string): Promise<void> {
    await this.change(tenant, id, { is_active: false });
  }

  /**
   * The same key with a new secret.
   * @param graceMs how long the old secret goes on working
   * @throws ApiError `not_found`, `forbidden` for a key that may do more than the caller's own
   */
  async rotate(principal: Principal, id: string, graceMs: number): Promise<NewSecret> {
    const before = await this.find(principal, id);
    // Whoever has the new secret has the key.
    await this.powers.check(principal, this.powers.of(before, (await this.spendingOf(id)).quotaMicros));
    const secret = newSecret();
    await this.change(principal, id, {
      key_hash: this.auth.hash(secret),
      key_prefix: secret.slice(0, SHOWN_CHARACTERS),
      public_id: newPublicId(),
      previous_key_hash: graceMs === 0 ? null : before.keyHash,
      previous_expires_at: graceMs === 0 ? null : this.clock.nowMs() + graceMs,
    });
    return { ...(await this.get(principal, id)), secret };
  }

  private async change(tenant: Tenant, id: string, change: ApiKeyChange, { quotaMicros, paid }: QuotaChange = {}): Promise<void> {
    const now = this.clock.nowMs();
    await this.repository.transaction(async (manager) => {
      await paid?.(manager, now);
      if (!(await this.repository.change(manager, tenant, id, change, now))) throw notFound(id);
      if (quotaMicros !== undefined) await this.quotas.change(manager, id, quotaMicros, now);
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

  private async counted(key: ApiKeyEntity): Promise<CountedKey> {
    return { key, spending: await this.spendingOf(key.id) };
  }

  private futureTime(time: number | null = null): number | null {
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
