import { hash, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ApiError, Clock } from '../../platform/common/index.js';
import { CONFIG, type Config, hasRealMasterKey } from '../../platform/config/index.js';
import { InstanceSecrets } from '../../platform/database/index.js';
import { type PeriodicTask, PeriodicTasks } from '../../platform/schedule/index.js';
import { DEFAULT_TENANT, matchesGlob, type Principal, SCOPES, type Scope, type Tenant } from './access.js';
import type { ApiKeyEntity } from './api-key.entity.js';
import { ApiKeysRepository } from './api-keys.repository.js';
import { hashSecret } from './key-secrets.js';

/** Other replicas' changes to a key are seen after this time at the latest. */
const CACHE_MS = 5_000;
const CACHED_KEYS = 10_000;
const TOUCH_INTERVAL_MS = 30_000;

interface CachedKey {
  readonly key: ApiKeyEntity;
  readonly principal: Principal;
  readonly viaPrevious: boolean;
  readonly freshUntilMs: number;
}

/** Tells who is calling. */
@Injectable()
export class AuthService implements OnModuleInit {
  /** By digests of the secrets themselves, which cost a fraction of the hashes that the database knows. */
  private readonly cache = new Map<string, CachedKey>();
  private readonly used = new Set<string>();
  private readonly logger = new Logger(AuthService.name);
  private pepper: Buffer = Buffer.alloc(0);
  private readonly masterDigest: Buffer | undefined;
  private readonly touching: PeriodicTask;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly clock: Clock,
    private readonly keys: ApiKeysRepository,
    private readonly secrets: InstanceSecrets,
    periodic: PeriodicTasks,
  ) {
    this.touching = periodic.add({
      name: 'auth.touch',
      intervalMs: TOUCH_INTERVAL_MS,
      run: () => this.touchUsed(),
      failure: 'The last use of keys could not be noted',
      logger: this.logger,
    });
    this.masterDigest = hasRealMasterKey(config) && config.master_key !== undefined ? digest(config.master_key) : undefined;
  }

  /** The pepper lives in the database, which is migrated before anything listens. */
  async onModuleInit(): Promise<void> {
    this.pepper = await this.secrets.get('api_key_pepper');
    const configured = Object.keys(this.config.applications);
    const known = await this.keys.knownApplications(configured);
    for (const id of configured) if (!known.has(id)) this.logger.warn(`applications.${id}: there is no application with this id`);
  }

  /**
   * @param header `Bearer <key>`, or the bare key, as LiteGen accepts it
   * @throws ApiError `authentication_required`, `invalid_api_key`, `api_key_expired`
   */
  authenticate(header: string | undefined): Promise<Principal> | Principal {
    const secret = header?.replace(/^Bearer\s+/i, '').trim() ?? '';
    if (secret === '') {
      if (this.masterDigest === undefined) return this.administrator('anonymous');
      throw new ApiError('authentication_required', 'Send an API key: `Authorization: Bearer sk_live_…`.', {
        headers: { 'www-authenticate': 'Bearer realm="litegen"' },
      });
    }
    const digested = digest(secret);
    if (this.masterDigest !== undefined && timingSafeEqual(digested, this.masterDigest)) return this.administrator('master');
    return this.byKey(secret, digested.toString('latin1'));
  }

  private async byKey(secret: string, name: string): Promise<Principal> {
    const now = this.clock.nowMs();
    const cached = this.cache.get(name);
    const entry = cached !== undefined && cached.freshUntilMs > this.clock.monotonicMs() ? cached : await this.load(secret, name);
    if (entry === null) {
      // Without a master key everybody on this machine is an administrator, whatever token an SDK insists on sending.
      if (this.masterDigest === undefined && !secret.startsWith('sk_live_')) return this.administrator('anonymous');
      throw new ApiError('invalid_api_key', 'This API key is not known or was revoked.');
    }
    if (!entry.key.isActive) throw new ApiError('invalid_api_key', 'This API key is not known or was revoked.');
    if (hasExpired(entry, now)) throw new ApiError('api_key_expired', 'This API key has expired.');
    this.used.add(entry.key.id);
    return entry.principal;
  }

  private async load(secret: string, name: string): Promise<CachedKey | null> {
    const keyHash = this.hash(secret);
    const key = await this.keys.findByHash(keyHash);
    if (key === null) {
      this.cache.delete(name);
      return null;
    }
    const entry = {
      key,
      principal: this.principalOf(key),
      viaPrevious: key.keyHash !== keyHash,
      freshUntilMs: this.clock.monotonicMs() + CACHE_MS,
    };
    if (this.cache.size >= CACHED_KEYS) this.cache.clear();
    this.cache.set(name, entry);
    return entry;
  }

  /** Makes this process see a change at once. */
  forget(keyId: string): void {
    for (const [name, { key }] of this.cache) if (key.id === keyId) this.cache.delete(name);
  }

  hash(secret: string): string {
    return hashSecret(this.pepper, secret);
  }

  private administrator(kind: 'master' | 'anonymous'): Principal {
    if (kind === 'anonymous' && this.config.mode === 'hosted') throw new ApiError('authentication_required', 'Send an API key.');
    return { kind, ...DEFAULT_TENANT, label: kind, scopes: new Set(SCOPES), strict: this.strictOf(DEFAULT_TENANT) };
  }

  private principalOf(key: ApiKeyEntity): Principal {
    const scopes = key.scopes.split(',').filter((scope): scope is Scope => (SCOPES as readonly string[]).includes(scope));
    return {
      kind: 'key',
      orgId: key.orgId,
      appId: key.appId,
      keyId: key.id,
      label: key.publicId,
      scopes: new Set(scopes),
      strict: key.strict ?? this.strictOf(key),
      ...(key.allowedModels === null ? {} : { allowedModels: key.allowedModels }),
      ...(key.rpmLimit === null ? {} : { rpmLimit: key.rpmLimit }),
      ...(key.cacheTtlSeconds === null ? {} : { cacheTtlSeconds: key.cacheTtlSeconds }),
    };
  }

  /** For whom it is not said of the key. */
  private strictOf({ appId }: Tenant): boolean {
    return this.config.applications[appId]?.strict ?? this.config.strict;
  }

  /** Notes which keys were used lately. */
  writeLastUse(): Promise<void> {
    return this.touching.run();
  }

  private async touchUsed(): Promise<void> {
    if (this.used.size === 0) return;
    const ids = [...this.used];
    this.used.clear();
    await this.keys.touch(ids, this.clock.nowMs());
  }
}

/** The old secret of a rotated key ends with its grace or with the key, whichever comes first; without a grace there is none. */
function hasExpired({ key, viaPrevious }: CachedKey, nowMs: number): boolean {
  const isOver = (endMs: number | null): boolean => endMs !== null && !(endMs > nowMs);
  return isOver(key.expiresAt) || (viaPrevious && isOver(key.previousExpiresAt ?? 0));
}

function digest(secret: string): Buffer {
  return hash('sha256', secret, 'buffer');
}

/** The caller of a route that is not public. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === undefined) throw new Error(`The route ${request.routeOptions.url} is public and has no principal`);
  return request.principal;
}

/** Whether the key's allow-list covers a model. `*` stands for any run of characters. */
export function mayUseModel(principal: Pick<Principal, 'allowedModels'>, modelId: string): boolean {
  if (principal.allowedModels === undefined) return true;
  return principal.allowedModels.some((pattern) => matchesGlob(pattern, modelId));
}

/** What a key may have under way. Undefined: nothing of its own. */
interface KeyCapacity {
  readonly maxInFlight?: number;
  readonly maxQueued?: number;
}

/** What keys may have under way, also when their request was made some time ago. */
@Injectable()
export class KeyCapacities {
  private readonly remembered = new Map<string, { readonly capacity: KeyCapacity; readonly freshUntilMs: number }>();

  constructor(
    private readonly clock: Clock,
    private readonly keys: ApiKeysRepository,
  ) {}

  async of(keyId: string): Promise<KeyCapacity> {
    const nowMs = this.clock.monotonicMs();
    const known = this.remembered.get(keyId);
    if (known !== undefined && known.freshUntilMs > nowMs) return known.capacity;
    const found = await this.keys.capacityOf(keyId);
    const capacity = {
      ...(found?.maxInFlight == null ? {} : { maxInFlight: found.maxInFlight }),
      ...(found?.maxQueued == null ? {} : { maxQueued: found.maxQueued }),
    };
    if (this.remembered.size >= CACHED_KEYS) this.remembered.clear();
    this.remembered.set(keyId, { capacity, freshUntilMs: nowMs + CACHE_MS });
    return capacity;
  }

  /** Makes this process see a change at once. */
  forget(keyId: string): void {
    this.remembered.delete(keyId);
  }
}
