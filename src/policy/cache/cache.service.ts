import { Inject, Injectable, Logger } from '@nestjs/common';
import { matchesGlob, type Principal, type Tenant } from '../../domain/access/index.js';
import { Clock } from '../../platform/common/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { PeriodicTasks } from '../../platform/schedule/index.js';
import { decideCaching } from './cache.policy.js';
import type { CacheDecision, CacheDirectives } from './cache.types.js';
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
