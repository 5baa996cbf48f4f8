import { Inject, Injectable } from '@nestjs/common';
import { ThrottlerStorage } from '@nestjs/throttler';
import { KeyCapacities, matchesGlob } from '../../domain/access/index.js';
import { ApiError } from '../../platform/common/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { MetricsService } from '../../platform/metrics/index.js';
import { RedisUnavailable } from '../../platform/redis/index.js';
import type { CapacityLimit, CapacityScope } from './capacity.policy.js';
import { limiterUnavailable, RATE_WINDOW_MS } from './rates.js';

/** What limits of generations go by. */
interface Limited {
  readonly keyId: string | null;
  readonly appId: string;
  readonly model: string;
  readonly provider: string;
}

/** Under which limits of work a generation falls. */
@Injectable()
export class CapacityLimits {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly keys: KeyCapacities,
  ) {}

  /** Those that have a bound. */
  async of({ keyId, appId, model, provider }: Limited): Promise<readonly CapacityLimit[]> {
    const { keys, applications, models, providers } = this.config.limits;
    const own = keyId === null ? undefined : await this.keys.of(keyId);
    const ofModel = limitsOfModel(models, model);
    return [
      ...(keyId === null ? [] : bounded('key', keyId, own?.maxInFlight ?? keys.max_in_flight, own?.maxQueued ?? keys.max_queued)),
      ...bounded('application', appId, applications.max_in_flight, applications.max_queued),
      ...bounded('model', model, ofModel?.max_in_flight, ofModel?.max_queued),
      ...bounded('provider', provider, providers[provider]?.max_in_flight, providers[provider]?.max_queued),
    ];
  }
}

function bounded(scope: CapacityScope, id: string, maxInFlight: number | undefined, maxQueued: number | undefined): CapacityLimit[] {
  if (maxInFlight === undefined && maxQueued === undefined) return [];
  return [{ scope, id, ...(maxInFlight === undefined ? {} : { maxInFlight }), ...(maxQueued === undefined ? {} : { maxQueued }) }];
}

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

type Models = Config['limits']['models'];

/** The entry that names the model, or else the first whose pattern fits it. */
function limitsOfModel(models: Models, model: string): Models[string] | undefined {
  return models[model] ?? Object.entries(models).find(([pattern]) => matchesGlob(pattern, model))?.[1];
}
