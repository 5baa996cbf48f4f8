import { hash } from 'node:crypto';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { matchesGlob, type Principal, type Tenant } from '../../domain/access/index.js';
import { ApiError, Clock, canonicalJson } from '../../platform/common/index.js';
import { CONFIG, type Config, MAX_CACHE_TTL_SECONDS } from '../../platform/config/index.js';
import { PeriodicTasks } from '../../platform/schedule/index.js';
import type { CacheDecision, CacheDirectives, CacheSubject } from './cache.types.js';
import { CacheEntriesRepository } from './cache-entries.repository.js';

const SWEEP_INTERVAL_MS = 600_000;
const NO_DIRECTIVES: CacheDirectives = { noStore: false };

/** Who uses the cache, and what a tenant has in it. */
@Injectable()
export class CacheService {
  constructor(
    private readonly entries: CacheEntriesRepository,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
    periodic: PeriodicTasks,
  ) {
    periodic.add({
      name: 'cache.sweep',
      intervalMs: SWEEP_INTERVAL_MS,
      run: () => entries.removeExpired(clock.nowMs()),
      failure: 'Expired cache entries could not be removed',
      logger: new Logger(CacheService.name),
    });
  }

  get isEnabled(): boolean {
    return this.config.cache.enabled;
  }

  /** @param model catalogue id */
  decide(directives: CacheDirectives | undefined, { cacheTtlSeconds }: Pick<Principal, 'cacheTtlSeconds'>, model: string): CacheDecision {
    const { enabled, default_ttl_seconds: defaultTtlSeconds, models } = this.config.cache;
    return decideCaching(directives ?? NO_DIRECTIVES, {
      enabled,
      defaultTtlSeconds,
      forModel: models.some((pattern) => matchesGlob(pattern, model)),
      ...(cacheTtlSeconds === undefined ? {} : { keyTtlSeconds: cacheTtlSeconds }),
    });
  }

  /** Forgets everything of the tenant, on every replica from now on. */
  async clear(tenant: Tenant): Promise<void> {
    await this.entries.clear(tenant);
  }

  /** How many results the tenant has in it. */
  async count(tenant: Tenant): Promise<number> {
    return this.isEnabled ? this.entries.count(tenant, this.clock.nowMs()) : 0;
  }
}

const MS_PER_SECOND = 1000;
const TTL_HEADER = 'x-litegen-cache-ttl';

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Of `Cache-Control` the directives of RFC 9111 that say something to this cache; the others are passed over. @throws ApiError */
export function readCacheDirectives(headers: Headers): CacheDirectives {
  const ttl = textOf(headers[TTL_HEADER]);
  const directives = new Map(
    (textOf(headers['cache-control']) ?? '').split(',').map((directive) => {
      const [name = '', value] = directive.split('=', 2).map((part) => part.trim().toLowerCase());
      return [name, value?.replaceAll('"', '')] as const;
    }),
  );
  const maxAge = directives.get('max-age');
  const maxAgeSeconds = directives.has('no-cache') ? 0 : maxAge !== undefined && /^\d+$/.test(maxAge) ? Number(maxAge) : undefined;
  return {
    ...(ttl === undefined ? {} : { ttlSeconds: ttlOf(ttl) }),
    noStore: directives.has('no-store'),
    ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }),
  };
}

export interface CacheRules {
  /** `cache.enabled` */
  readonly enabled: boolean;
  readonly defaultTtlSeconds: number;
  /** Whether `cache.models` names the model. */
  readonly forModel: boolean;
  /** The API key's own; 0: never. */
  readonly keyTtlSeconds?: number;
}

/** Who is nearer to the request decides: the request before its key, the key before the model. */
export function decideCaching({ ttlSeconds: asked, noStore, maxAgeSeconds }: CacheDirectives, rules: CacheRules): CacheDecision {
  if (!rules.enabled) return { kind: 'off' };
  const ttlSeconds = asked ?? rules.keyTtlSeconds ?? (rules.forModel ? rules.defaultTtlSeconds : undefined);
  if (ttlSeconds === undefined) return { kind: 'off' };
  if (noStore || ttlSeconds === 0) return { kind: 'bypass' };
  return {
    kind: 'use',
    ttlMs: ttlSeconds * MS_PER_SECOND,
    maxAgeMs: Math.min(ttlSeconds, maxAgeSeconds ?? ttlSeconds) * MS_PER_SECOND,
  };
}

/** SHA-256 in hex of all that decides what is made. Who asks within the tenant, and how the answer is delivered, do not count. */
export function cacheKeyOf({ references, ...subject }: CacheSubject): string {
  const facts = { ...subject, references: references.map(({ role, sha256 }) => [role, sha256]) };
  return hash('sha256', canonicalJson(facts));
}

function textOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.join(',');
}

function ttlOf(text: string): number {
  const seconds = /^\d{1,9}$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (seconds <= MAX_CACHE_TTL_SECONDS) return seconds;
  throw new ApiError('param_out_of_range', `X-Litegen-Cache-TTL is a whole number of seconds from 0 to ${MAX_CACHE_TTL_SECONDS}.`, {
    param: TTL_HEADER,
    accepted: [`0 to ${MAX_CACHE_TTL_SECONDS}`],
  });
}
