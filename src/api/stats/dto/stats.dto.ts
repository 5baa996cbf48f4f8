import { ApiProperty } from '../../../platform/openapi/index.js';

const COUNT = { type: 'integer' } as const;

class ModelUsageStat {
  @ApiProperty()
  model!: string;

  @ApiProperty(COUNT)
  requests!: number;

  @ApiProperty()
  cost_usd!: number;

  @ApiProperty({ description: 'Over the completed.' })
  avg_latency_ms!: number;
}

class ProviderUsageStat {
  @ApiProperty()
  provider!: string;

  @ApiProperty(COUNT)
  requests!: number;

  @ApiProperty(COUNT)
  failures!: number;

  @ApiProperty()
  cost_usd!: number;

  @ApiProperty({ description: 'Over the completed.' })
  avg_latency_ms!: number;
}

class LatencyPercentiles {
  @ApiProperty(COUNT)
  p50_ms!: number;

  @ApiProperty(COUNT)
  p95_ms!: number;

  @ApiProperty(COUNT)
  p99_ms!: number;

  @ApiProperty(COUNT)
  sample_count!: number;

  @ApiProperty(COUNT)
  window_minutes!: number;
}

/** Figures of one application. */
export class ProxyStats {
  @ApiProperty({ ...COUNT, description: 'All generations ever, those that run and those that were removed included.' })
  total_requests!: number;

  @ApiProperty(COUNT)
  successful_requests!: number;

  @ApiProperty(COUNT)
  failed_requests!: number;

  @ApiProperty({ ...COUNT, description: 'Those that got the result of another one from the cache.' })
  cached_requests!: number;

  @ApiProperty()
  total_cost_usd!: number;

  @ApiProperty({ description: 'From the request to its end, over the completed.' })
  avg_latency_ms!: number;

  @ApiProperty({ description: 'In the last 60 seconds.' })
  requests_per_minute!: number;

  @ApiProperty({ type: [ModelUsageStat], description: 'The 20 busiest.' })
  models_used!: ModelUsageStat[];

  @ApiProperty({ type: [ProviderUsageStat] })
  providers_used!: ProviderUsageStat[];

  @ApiProperty({ type: LatencyPercentiles })
  latency_percentiles!: LatencyPercentiles;
}
