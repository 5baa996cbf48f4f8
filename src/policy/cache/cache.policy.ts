import { hash } from 'node:crypto';
import { ApiError, canonicalJson } from '../../platform/common/index.js';
import { MAX_CACHE_TTL_SECONDS } from '../../platform/config/index.js';
import type { CacheDecision, CacheDirectives, CacheSubject } from './cache.types.js';

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
