import { type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { ThrottlerGuard } from '@nestjs/throttler';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../auth/index.js';
import { ApiError, Clock } from '../common/index.js';
import { MetricsService } from '../metrics/index.js';
import { RedisUnavailable } from '../redis/index.js';

type HandleRequestProps = Parameters<ThrottlerGuard['handleRequest']>[0];
type Caller = Pick<FastifyRequest, 'principal'>;

export const RATE_WINDOW_MS = 60_000;
const MS_PER_SECOND = 1000;
const RETRY_AFTER_SECONDS = 2;

/** Requests per minute of the caller's key; what the throttler's options take as `limit`. */
export function limitOf(context: ExecutionContext): number {
  return context.switchToHttp().getRequest<Caller>().principal?.rpmLimit ?? Number.POSITIVE_INFINITY;
}

/**
 * Counts the requests of keys that have an `rpm_limit`, over all routes together. Nest calls its guards after the body was read and not
 * for every answer, so the authentication hook asks this one instead, as soon as it knows the key; other callers cost nothing.
 */
@Injectable()
export class KeyThrottlerGuard extends ThrottlerGuard {
  @Inject(Clock)
  private readonly clock!: Clock;
  @Inject(MetricsService)
  private readonly metrics!: MetricsService;

  /** Undefined when there is nothing to wait for. @throws ApiError `rate_limit_exceeded` */
  take(request: FastifyRequest, reply: FastifyReply): Promise<boolean> | undefined {
    if (limitedKey(request.principal) === undefined) return undefined;
    return this.canActivate(new ExecutionContextHost([request, reply], KeyThrottlerGuard, this.take));
  }

  /** What may spend waits until requests can be counted again (R36); everything else goes on uncounted. */
  private withoutCounter(request: FastifyRequest, error: unknown): undefined {
    if (!(error instanceof RedisUnavailable)) throw error;
    this.metrics.limiterUnavailable();
    if (!maySpend(request)) return undefined;
    throw new ApiError('limiter_unavailable', 'The store that counts this key’s requests is away; nothing was done.', {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      cause: error,
    });
  }

  protected override shouldSkip(context: ExecutionContext): Promise<boolean> {
    return Promise.resolve(limitedKey(context.switchToHttp().getRequest<Caller>().principal) === undefined);
  }

  protected override getTracker({ principal }: Caller): Promise<string> {
    return Promise.resolve(limitedKey(principal) ?? '');
  }

  /** The key alone: neither the route nor the address makes another bucket. */
  protected override generateKey(_context: ExecutionContext, tracker: string): string {
    return tracker;
  }

  protected override async handleRequest({ context, limit, ttl, blockDuration, throttler }: HandleRequestProps): Promise<boolean> {
    const http = context.switchToHttp();
    const key = this.generateKey(context, await this.getTracker(http.getRequest<Caller>()));
    const state = await this.storageService
      .increment(key, ttl, limit, blockDuration, throttler.name ?? 'default')
      .catch((error: unknown) => this.withoutCounter(http.getRequest<FastifyRequest>(), error));
    if (state === undefined) return true;
    http.getResponse<FastifyReply>().headers({
      'x-ratelimit-limit': limit,
      'x-ratelimit-remaining': Math.max(0, limit - state.totalHits),
      'x-ratelimit-reset': Math.ceil(this.clock.nowMs() / MS_PER_SECOND + state.timeToExpire),
    });
    if (!state.isBlocked) return true;
    throw new ApiError('rate_limit_exceeded', `This API key may make ${limit} requests per minute.`, {
      retryAfterSeconds: state.timeToBlockExpire,
    });
  }
}

function maySpend({ routeOptions: { config } }: FastifyRequest): boolean {
  return config.access?.kind === 'scope' && config.access.scope === 'generate';
}

function limitedKey(principal: Principal | undefined): string | undefined {
  return principal?.rpmLimit === undefined ? undefined : principal.keyId;
}
