import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { type Cache, createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { Redis } from '../../platform/redis/index.js';
import { BoundedStore } from './bounded-store.js';
import type { CachedResult } from './cache.types.js';
import { SharedStore } from './shared-store.js';

/** How long something may be used, the database says; this only keeps what nobody asks for from staying for ever. */
const REMEMBERED_MS = 3_600_000;

/**
 * What is remembered of results in this process's memory, and in Redis where there is one, so that a hit needs no look-up of files and
 * generations. It may be out of date: whoever uses it has it confirmed by {@link CacheEntriesRepository}.
 */
@Injectable()
export class ResultCache implements OnApplicationBootstrap {
  private readonly memory: Cache;
  private shared: Cache | undefined;

  constructor(
    private readonly redis: Redis,
    @Inject(CONFIG) { cache }: Config,
  ) {
    this.memory = createCache({ stores: [new Keyv({ store: new BoundedStore(cache.max_items, cache.max_bytes), useKeyPrefix: false })] });
  }

  async onApplicationBootstrap(): Promise<void> {
    if (!this.redis.isConfigured) return;
    const { default: KeyvRedis } = await import('@keyv/redis');
    const options = { namespace: this.redis.keyOf('cache'), keyPrefixSeparator: ':', throwOnErrors: true };
    const store = new SharedStore(this.redis, new KeyvRedis<string>(this.redis.client, options));
    this.shared = createCache({ stores: [new Keyv({ store, useKeyPrefix: false })] });
  }

  /** Undefined also when Redis does not answer. */
  async get(cacheKey: string): Promise<CachedResult | undefined> {
    const known = await this.memory.get<CachedResult>(cacheKey);
    if (known !== undefined || this.shared === undefined) return known;
    const found = await this.shared.get<CachedResult>(cacheKey);
    if (found !== undefined) await this.memory.set(cacheKey, found, REMEMBERED_MS);
    return found;
  }

  async set(cacheKey: string, result: CachedResult): Promise<void> {
    await this.memory.set(cacheKey, result, REMEMBERED_MS);
    await this.shared?.set(cacheKey, result, REMEMBERED_MS);
  }

  async delete(cacheKey: string): Promise<void> {
    await this.memory.del(cacheKey);
    await this.shared?.del(cacheKey);
  }
}
