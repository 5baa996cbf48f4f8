import { Inject, Injectable } from '@nestjs/common';
import { ThrottlerStorage } from '@nestjs/throttler';
import { ApiError } from '../../platform/common/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { MetricsService } from '../../platform/metrics/index.js';
import { RedisUnavailable } from '../../platform/redis/index.js';
import { limitsOfModel } from './model-limits.policy.js';
import { limiterUnavailable, RATE_WINDOW_MS } from './rates.js';

/** How often a model and a vendor may be asked for something, by all callers together. */
@Injectable()
export class GenerationRates {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(ThrottlerStorage) private readonly storage: ThrottlerStorage,
    private readonly metrics: MetricsService,
  ) {}

  /** @throws ApiError `rate_limit_exceeded`, `limiter_unavailable` */
  async take(model: string, provider: string): Promise<void> {
    const { models, providers } = this.config.limits;
    await this.count('model', model, limitsOfModel(models, model)?.requests_per_minute);
    await this.count('provider', provider, providers[provider]?.requests_per_minute);
  }

  private async count(scope: 'model' | 'provider', id: string, limit: number | undefined): Promise<void> {
    if (limit === undefined) return;
    const state = await this.storage.increment(`${scope}:${id}`, RATE_WINDOW_MS, limit, 0, scope).catch((error: unknown) => {
      if (!(error instanceof RedisUnavailable)) throw error;
      this.metrics.limiterUnavailable();
      throw limiterUnavailable(error);
    });
    if (!state.isBlocked) return;
    throw new ApiError('rate_limit_exceeded', `The gateway accepts ${limit} requests per minute for ${id}.`, {
      [scope]: id,
      retryAfterSeconds: state.timeToBlockExpire,
    });
  }
}
