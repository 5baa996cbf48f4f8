import { hash, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { ApiError, Clock } from '../common/index.js';
import { CONFIG, type Config, hasRealMasterKey } from '../config/index.js';
import { InstanceSecrets } from '../database/index.js';
import type { ApiKeyEntity } from './api-key.entity.js';
import { ApiKeysRepository } from './api-keys.repository.js';
import { hashSecret } from './key-secrets.js';
import { DEFAULT_TENANT, type Principal, SCOPES, type Scope } from './principal.js';

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

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly clock: Clock,
    private readonly keys: ApiKeysRepository,
    private readonly secrets: InstanceSecrets,
  ) {
    this.masterDigest = hasRealMasterKey(config) && config.master_key !== undefined ? digest(config.master_key) : undefined;
  }

  /** The pepper lives in the database, which is migrated before anything listens. */
  async onModuleInit(): Promise<void> {
    this.pepper = await this.secrets.get('api_key_pepper');
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
    const entry = cached !== undefined && cached.freshUntilMs > now ? cached : await this.load(secret, name, now);
    if (entry === null) {
      // Without a master key everybody on this machine is an administrator, whatever token an SDK insists on sending.
      if (this.masterDigest === undefined && !secret.startsWith('sk_live_')) return this.administrator('anonymous');
      throw new ApiError('invalid_api_key', 'This API key is not known or was revoked.');
    }
    const expiresAt = entry.viaPrevious ? entry.key.previousExpiresAt : entry.key.expiresAt;
    if (!entry.key.isActive) throw new ApiError('invalid_api_key', 'This API key is not known or was revoked.');
    if (expiresAt !== null && expiresAt <= now) throw new ApiError('api_key_expired', 'This API key has expired.');
    this.used.add(entry.key.id);
    return entry.principal;
  }

  private async load(secret: string, name: string, nowMs: number): Promise<CachedKey | null> {
    const keyHash = this.hash(secret);
    const key = await this.keys.findByHash(keyHash);
    if (key === null) {
      this.cache.delete(name);
      return null;
    }
    const entry = { key, principal: principalOfKey(key), viaPrevious: key.keyHash !== keyHash, freshUntilMs: nowMs + CACHE_MS };
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
    return { kind, ...DEFAULT_TENANT, label: kind, scopes: new Set(SCOPES) };
  }

  @Interval('auth.touch', TOUCH_INTERVAL_MS)
  async writeLastUse(): Promise<void> {
    if (this.used.size === 0) return;
    const ids = [...this.used];
    this.used.clear();
    try {
      await this.keys.touch(ids, this.clock.nowMs());
    } catch (error) {
      this.logger.warn(`The last use of ${ids.length} keys could not be noted: ${String(error)}`);
    }
  }
}

function digest(secret: string): Buffer {
  return hash('sha256', secret, 'buffer');
}

function principalOfKey(key: ApiKeyEntity): Principal {
  const scopes = key.scopes.split(',').filter((scope): scope is Scope => (SCOPES as readonly string[]).includes(scope));
  return {
    kind: 'key',
    orgId: key.orgId,
    appId: key.appId,
    keyId: key.id,
    label: key.publicId,
    scopes: new Set(scopes),
    ...(key.allowedModels === null ? {} : { allowedModels: key.allowedModels }),
    ...(key.rpmLimit === null ? {} : { rpmLimit: key.rpmLimit }),
    ...(key.cacheTtlSeconds === null ? {} : { cacheTtlSeconds: key.cacheTtlSeconds }),
  };
}
