import type { CallWarning } from '@litegen/plugin-sdk';
import type { AssetEntity } from '../../domain/storage/index.js';

/** What a request says about caching in its headers. */
export interface CacheDirectives {
  /** `X-Litegen-Cache-TTL`, seconds; 0: neither from the cache nor into it. */
  readonly ttlSeconds?: number;
  /** `Cache-Control: no-store`. */
  readonly noStore: boolean;
  /** `Cache-Control: max-age=N`; 0 for `no-cache`, which asks for a new result. */
  readonly maxAgeSeconds?: number;
}

/** `off`: nobody asked for the cache. `bypass`: the request wants nothing of it. */
export type CacheDecision = { readonly kind: 'off' } | { readonly kind: 'bypass' } | CacheUse;

export interface CacheUse {
  readonly kind: 'use';
  /** How long the result of this request may be used, milliseconds. */
  readonly ttlMs: number;
  /** The oldest result that this request takes, milliseconds; 0: only a new one. */
  readonly maxAgeMs: number;
}

/** What decides what is made. References count by their bytes. */
export interface CacheSubject {
  readonly orgId: string;
  readonly appId: string;
  readonly operation: string;
  /** Catalogue id. */
  readonly model: string;
  readonly prompt: string;
  readonly n: number;
  /** As they go to the vendor. */
  readonly params: object;
  readonly extra: object;
  readonly references: readonly { readonly role: string | null; readonly sha256: string }[];
}

/** A file of a result. */
export type CachedOutput = Pick<
  AssetEntity,
  'position' | 'sha256' | 'contentType' | 'bytes' | 'width' | 'height' | 'durationMs' | 'revisedPrompt'
>;

/** Where a finished result is: not its bytes, which the store keeps by their content. */
export interface CachedResult {
  /** The generation that made it. */
  readonly generationId: string;
  /** Milliseconds since the epoch. */
  readonly completedAtMs: number;
  readonly outputs: readonly CachedOutput[];
  /** What the vendor's plugin adjusted or ignored. */
  readonly warnings: readonly CallWarning[];
}
