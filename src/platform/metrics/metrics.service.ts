import { Injectable } from '@nestjs/common';
import { InjectMetric } from '@willsoto/nestjs-prometheus';
import { Counter, Gauge, Histogram } from 'prom-client';

interface MeasuredGeneration {
  readonly appId: string;
  readonly model: string;
  readonly provider: string;
  readonly operation: string;
}

/** What the operator of a media gateway watches. */
@Injectable()
export class MetricsService {
  constructor(
    @InjectMetric('litegen_http_requests_total') private readonly requests: Counter,
    @InjectMetric('litegen_http_request_duration_seconds') private readonly requestDuration: Histogram,
    @InjectMetric('litegen_http_requests_in_flight') private readonly requestsInFlight: Gauge,
    @InjectMetric('litegen_generations_total') private readonly generations: Counter,
    @InjectMetric('litegen_generation_duration_seconds') private readonly generationDuration: Histogram,
    @InjectMetric('litegen_generation_tasks_in_flight') private readonly tasks: Gauge,
    @InjectMetric('litegen_poll_limit') private readonly pollLimits: Gauge,
    @InjectMetric('litegen_generation_cost_usd_total') private readonly cost: Counter,
    @InjectMetric('litegen_cache_requests_total') private readonly cacheRequests: Counter,
    @InjectMetric('litegen_provider_errors_total') private readonly errors: Counter,
    @InjectMetric('litegen_provider_unknown_status_total') private readonly unknownStatuses: Counter,
    @InjectMetric('litegen_plugin_faults_total') private readonly pluginFaults: Counter,
    @InjectMetric('litegen_plugin_taken_out') private readonly pluginsTakenOut: Gauge,
    @InjectMetric('litegen_queue_lag_seconds') private readonly lag: Histogram,
    @InjectMetric('litegen_capacity_refusals_total') private readonly capacityRefusals: Counter,
    @InjectMetric('litegen_limiter_unavailable_total') private readonly limiterOutages: Counter,
    @InjectMetric('litegen_webhook_attempt_duration_seconds') private readonly webhookAttempts: Histogram,
    @InjectMetric('litegen_webhook_lag_seconds') private readonly webhookLags: Histogram,
    @InjectMetric('litegen_webhook_deliveries_in_flight') private readonly webhookDeliveries: Gauge,
    @InjectMetric('litegen_webhook_endpoints_disabled_total') private readonly webhookEndpointsDisabled: Counter,
  ) {}

  requestStarted(): void {
    this.requestsInFlight.inc();
  }

  /** @param route the pattern, such as `/v1/videos/:id`, or `unmatched`. */
  requestFinished(route: string, method: string, status: number, seconds: number): void {
    this.requestsInFlight.dec();
    this.requests.inc({ route, method, status: String(status) });
    this.requestDuration.observe({ route, method }, seconds);
  }

  generationEnded(generation: MeasuredGeneration, status: string, durationMs: number): void {
    const { appId, model, provider, operation } = generation;
    this.generations.inc({ app: appId, model, provider, operation, status });
    this.generationDuration.observe({ model, operation, status }, durationMs / 1000);
  }

  generationCost(generation: MeasuredGeneration, micros: number): void {
    this.cost.inc({ app: generation.appId, model: generation.model, provider: generation.provider }, micros / 1_000_000);
  }

  cacheRequest(result: 'hit' | 'miss' | 'bypass'): void {
    this.cacheRequests.inc({ result });
  }

  providerError(generation: MeasuredGeneration, code: string): void {
    this.errors.inc({ provider: generation.provider, model: generation.model, code });
  }

  /** @param scope `process` when it is full itself, whatever the request was for */
  capacityRefused(scope: 'key' | 'application' | 'model' | 'provider' | 'process', limit: 'in_flight' | 'queued'): void {
    this.capacityRefusals.inc({ scope, limit });
  }

  limiterUnavailable(): void {
    this.limiterOutages.inc();
  }

  unknownVendorStatus(generation: MeasuredGeneration): void {
    this.unknownStatuses.inc({ provider: generation.provider, model: generation.model });
  }

  pluginFault(plugin: string, kind: 'uncaught_exception' | 'unhandled_rejection' | 'abandoned_call'): void {
    this.pluginFaults.inc({ plugin, kind });
  }

  pluginTakenOut(plugin: string): void {
    this.pluginsTakenOut.set({ plugin }, 1);
  }

  /** @param kind `submit`, `poll` or `fetch`. */
  tasksInFlight(provider: string, kind: string, count: number): void {
    this.tasks.set({ provider, kind }, count);
  }

  pollLimit(provider: string, limit: number): void {
    this.pollLimits.set({ provider }, limit);
  }

  /** @param kind the status in which the generation was found. */
  queueLag(kind: string, lagMs: number): void {
    this.lag.observe({ kind }, Math.max(0, lagMs) / 1000);
  }

  webhookAttempt(success: boolean, durationMs: number): void {
    this.webhookAttempts.observe({ outcome: success ? 'success' : 'failure' }, durationMs / 1000);
  }

  /** From the event to the first attempt. */
  webhookLag(lagMs: number): void {
    this.webhookLags.observe(Math.max(0, lagMs) / 1000);
  }

  webhookDeliveriesInFlight(count: number): void {
    this.webhookDeliveries.set(count);
  }

  /** @param reason `gone` or `failing`. */
  webhookEndpointDisabled(reason: string): void {
    this.webhookEndpointsDisabled.inc({ reason });
  }
}
