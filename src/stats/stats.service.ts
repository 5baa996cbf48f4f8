import { Injectable } from '@nestjs/common';
import type { Tenant } from '../auth/index.js';
import { Clock, microsToUsd } from '../common/index.js';
import { GenerationStatsQueries } from '../generations/index.js';
import type { ProxyStats } from './dto/stats.dto.js';

const MAX_MODELS = 20;
const MAX_PROVIDERS = 100;
const MINUTE_MS = 60_000;
const WINDOW_MINUTES = 60;

@Injectable()
export class StatsService {
  constructor(
    private readonly queries: GenerationStatsQueries,
    private readonly clock: Clock,
  ) {}

  async stats(tenant: Tenant): Promise<ProxyStats> {
    const now = this.clock.nowMs();
    const [totals, models, providers, lastMinute, latency] = await Promise.all([
      this.queries.totals(tenant),
      this.queries.totalsBy(tenant, 'model', MAX_MODELS),
      this.queries.totalsBy(tenant, 'provider', MAX_PROVIDERS),
      this.queries.admittedSince(tenant, now - MINUTE_MS),
      this.queries.latencyPercentiles(tenant, now - WINDOW_MINUTES * MINUTE_MS),
    ]);
    return {
      total_requests: totals.requests,
      successful_requests: totals.completed,
      failed_requests: totals.failed,
      cached_requests: totals.cached,
      total_cost_usd: microsToUsd(totals.costMicros),
      avg_latency_ms: totals.averageLatencyMs ?? 0,
      requests_per_minute: lastMinute,
      models_used: models.map(({ name, requests, costMicros, averageLatencyMs }) => ({
        model: name,
        requests,
        cost_usd: microsToUsd(costMicros),
        avg_latency_ms: averageLatencyMs ?? 0,
      })),
      providers_used: providers.map(({ name, requests, failed, costMicros, averageLatencyMs }) => ({
        provider: name,
        requests,
        failures: failed,
        cost_usd: microsToUsd(costMicros),
        avg_latency_ms: averageLatencyMs ?? 0,
      })),
      latency_percentiles: {
        p50_ms: latency.p50 ?? 0,
        p95_ms: latency.p95 ?? 0,
        p99_ms: latency.p99 ?? 0,
        sample_count: latency.samples,
        window_minutes: WINDOW_MINUTES,
      },
    };
  }
}
