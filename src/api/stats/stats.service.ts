import { Injectable } from '@nestjs/common';
import { mayUseModel, type Principal } from '../../domain/access/index.js';
import { CatalogService } from '../../domain/catalog/index.js';
import { GenerationStatsQueries } from '../../engine/generations/index.js';
import { Clock, microsToUsd } from '../../platform/common/index.js';
import type { ProxyStats } from './dto/stats.dto.js';

const MAX_MODELS = 20;
const MAX_PROVIDERS = 100;
const MINUTE_MS = 60_000;
const WINDOW_MINUTES = 60;

@Injectable()
export class StatsService {
  constructor(
    private readonly queries: GenerationStatsQueries,
    private readonly catalog: CatalogService,
    private readonly clock: Clock,
  ) {}

  /** Of the caller's application, all its keys together. Only models that the caller may use are named, and their providers. */
  async stats(caller: Principal): Promise<ProxyStats> {
    const { orgId, appId } = caller;
    const tenant = { orgId, appId };
    const isUsable = (model: string): boolean => mayUseModel(caller, model);
    const usable = new Set(this.catalog.models().flatMap(({ id, provider }) => (isUsable(id) ? [provider] : [])));
    const mayName = (provider: string): boolean => caller.allowedModels === undefined || usable.has(provider);
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
      models_used: models
        .filter(({ name }) => isUsable(name))
        .map(({ name, requests, costMicros, averageLatencyMs }) => ({
          model: name,
          requests,
          cost_usd: microsToUsd(costMicros),
          avg_latency_ms: averageLatencyMs ?? 0,
        })),
      providers_used: providers
        .filter(({ name }) => mayName(name))
        .map(({ name, requests, failed, costMicros, averageLatencyMs }) => ({
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
