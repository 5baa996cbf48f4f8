import { type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { ThrottlerGuard, ThrottlerStorage } from '@nestjs/throttler';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { KeyCapacities, matchesGlob, type Principal } from '../../domain/access/index.js';
import { ApiError, Clock } from '../../platform/common/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { MetricsService } from '../../platform/metrics/index.js';
import { RedisUnavailable } from '../../platform/redis/index.js';
import type { CapacityLimit, CapacityScope } from './capacity.policy.js';

export const RATE_WINDOW_MS = 60_000;
const RETRY_AFTER_SECONDS = 2;

/** What may spend waits until requests can be counted again. */
function limiterUnavailable(cause: unknown): ApiError {
  return new ApiError('limiter_unavailable', 'The store that counts requests is unreachable; nothing was done.', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    cause,
  });
}

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

  /** Undefined where nothing is limited. @throws ApiError `rate_limit_exceeded`, `limiter_unavailable` */
  take(model: string, provider: string): Promise<void> | undefined {
    const { models, providers } = this.config.limits;
    const ofModel = limitsOfModel(models, model)?.requests_per_minute;
    const ofProvider = providers[provider]?.requests_per_minute;
    if (ofModel === undefined && ofProvider === undefined) return undefined;
    return this.count('model', model, ofModel).then(() => this.count('provider', provider, ofProvider));
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

type HandleRequestProps = Parameters<ThrottlerGuard['handleRequest']>[0];

const MS_PER_SECOND = 1000;

/** What requests are counted on, by the throttlers' names. */
const RATES = {
  key: {
    limit: ({ kind, rpmLimit }: Principal, { limits }: Config) =>
      rpmLimit ?? (kind === 'key' ? limits.keys.requests_per_minute : undefined),
    id: ({ keyId }: Principal) => keyId ?? '',
    owner: 'This API key',
  },
  application: {
    limit: (_principal: Principal, { limits }: Config) => limits.applications.requests_per_minute,
    id: ({ appId }: Principal) => `application:${appId}`,
    owner: 'The application',
  },
} as const;

export type Rate = keyof typeof RATES;

/** Requests per minute; infinite where there is no limit. */
export function limitOf(rate: Rate, context: ExecutionContext, config: Config): number {
  const { principal } = context.switchToHttp().getRequest<FastifyRequest>();
  return (principal && RATES[rate].limit(principal, config)) ?? Number.POSITIVE_INFINITY;
}

/**
 * Counts the requests of keys and of applications that have a limit, over all routes together. Nest calls its guards after the body was
 * read and not for every answer, so the authentication hook asks this one instead, as soon as it knows the key; other callers cost nothing.
 */
@Injectable()
export class KeyThrottlerGuard extends ThrottlerGuard {
  @Inject(Clock)
  private readonly clock!: Clock;
  @Inject(MetricsService)
  private readonly metrics!: MetricsService;
  @Inject(CONFIG)
  private readonly config!: Config;

  /** Undefined when there is nothing to wait for. @throws ApiError `rate_limit_exceeded`, `limiter_unavailable` */
  take(request: FastifyRequest, reply: FastifyReply): Promise<boolean> | undefined {
    const { principal } = request;
    if (principal === undefined || Object.values(RATES).every(({ limit }) => limit(principal, this.config) === undefined)) return undefined;
    return this.canActivate(new ExecutionContextHost([request, reply], KeyThrottlerGuard, this.take));
  }

  protected override async handleRequest({ context, limit, ttl, blockDuration, throttler }: HandleRequestProps): Promise<boolean> {
    if (!Number.isFinite(limit)) return true;
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const rate = RATES[throttler.name as Rate];
    const state = await this.storageService
      .increment(rate.id(request.principal as Principal), ttl, limit, blockDuration, throttler.name ?? '')
      .catch((error: unknown) => this.withoutCounter(request, error));
    if (state === undefined) return true;
    // Of several limits the caller sees that of its key, or else the one that refuses.
    if (rate === RATES.key || state.isBlocked) {
      http.getResponse<FastifyReply>().headers({
        'x-ratelimit-limit': limit,
        'x-ratelimit-remaining': Math.max(0, limit - state.totalHits),
        'x-ratelimit-reset': Math.ceil(this.clock.nowMs() / MS_PER_SECOND + state.timeToExpire),
      });
    }
    if (!state.isBlocked) return true;
    throw new ApiError('rate_limit_exceeded', `${rate.owner} may make ${limit} requests per minute.`, {
      retryAfterSeconds: state.timeToBlockExpire,
    });
  }

  /** Everything that cannot spend goes on uncounted. */
  private withoutCounter(request: FastifyRequest, error: unknown): undefined {
    if (!(error instanceof RedisUnavailable)) throw error;
    this.metrics.limiterUnavailable();
    if (maySpend(request)) throw limiterUnavailable(error);
  }
}

function maySpend({ routeOptions: { config } }: FastifyRequest): boolean {
  return config.access?.kind === 'scope' && config.access.scope === 'generate';
}
