import { Inject, Injectable } from '@nestjs/common';
import { type Cache, createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { CONFIG, type Config } from '../config/index.js';
import { BoundedStore } from './bounded-store.js';
import type { CachedResult } from './cache.types.js';

/** How long something may be used, the database says; this only keeps what nobody asks for from staying for ever. */
const REMEMBERED_MS = 3_600_000;

/**
 * What this process remembers of results, so that a hit needs no look-up of files and generations. It may be out of date: whoever
 * uses it has it confirmed by {@link CacheEntriesRepository}.
 */
@Injectable()
export class ResultCache {
  private readonly cache: Cache;

  constructor(@Inject(CONFIG) { cache }: Config) {
    const memory = new Keyv({ store: new BoundedStore(cache.max_items, cache.max_bytes), useKeyPrefix: false });
    this.cache = createCache({ stores: [memory] });
  }

  /** A store that fails knows nothing. */
  get(cacheKey: string): Promise<CachedResult | undefined> {
    return this.cache.get<CachedResult>(cacheKey);
  }

  async set(cacheKey: string, result: CachedResult): Promise<void> {
    await this.cache.set(cacheKey, result, REMEMBERED_MS);
  }

  async delete(cacheKey: string): Promise<void> {
    await this.cache.del(cacheKey);
  }
}
