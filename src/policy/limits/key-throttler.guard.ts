import { type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { ThrottlerGuard } from '@nestjs/throttler';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../../domain/access/index.js';
import { ApiError, Clock } from '../../platform/common/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { MetricsService } from '../../platform/metrics/index.js';
import { RedisUnavailable } from '../../platform/redis/index.js';
import { limiterUnavailable } from './rates.js';

type HandleRequestProps = Parameters<ThrottlerGuard['handleRequest']>[0];

const MS_PER_SECOND = 1000;

/** What requests are counted on, by the throttlers' names. */
export const RATES = {
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
