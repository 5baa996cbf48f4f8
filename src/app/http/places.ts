import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../../platform/common/index.js';
import type { Config } from '../../platform/config/index.js';
import type { MetricsService } from '../../platform/metrics/index.js';
import { whenOver } from './when-over.js';

/** `keyed`: of callers whose key is known to be good. `public`: of everybody else. */
export type PlaceKind = 'keyed' | 'public';

/**
 * How many requests this process answers at a time. What anybody may ask for has few places of its own, so that nobody without a key
 * takes one from those who have one.
 */
export class Places {
  private readonly most: Readonly<Record<PlaceKind, number>>;
  private readonly taken: Record<PlaceKind, number> = { keyed: 0, public: 0 };

  constructor(
    { server }: Pick<Config, 'server'>,
    private readonly metrics: MetricsService,
  ) {
    this.most = { keyed: server.max_requests_in_flight, public: server.max_public_requests_in_flight };
  }

  /** Until the answer is out or the client has left. @throws ApiError `over_capacity` */
  take(kind: PlaceKind, request: FastifyRequest, reply: FastifyReply): void {
    if (this.taken[kind] >= this.most[kind]) {
      this.metrics.capacityRefused('process', 'in_flight');
      throw new ApiError('over_capacity', 'This process is at its limit of concurrent requests.', { retryAfterSeconds: 1 });
    }
    this.taken[kind] += 1;
    whenOver(request, reply, () => {
      this.taken[kind] -= 1;
    });
  }
}
