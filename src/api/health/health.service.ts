import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import type { Tenant } from '../../domain/access/index.js';
import { ProviderRegistry } from '../../domain/providers/index.js';
import { StorageHealth } from '../../domain/storage/index.js';
import { GenerationsQueries, type ProviderOutcome } from '../../engine/generations/index.js';
import { Clock, ERRORS, type ErrorCode } from '../../platform/common/index.js';
import { Database } from '../../platform/database/index.js';
import { Redis } from '../../platform/redis/index.js';
import { CacheService } from '../../policy/cache/index.js';
import { RateCheck } from '../../policy/limits/index.js';
import type { HealthResponse, ReadinessResponse } from './dto/health.dto.js';

/** Older outcomes say nothing about now. */
const RECENT_MS = 15 * 60_000;
const DATABASE_TIMEOUT_MS = 2000;

/** Whether this process should get requests, and how its vendors have been. Never calls a vendor. */
@Injectable()
export class HealthService implements OnModuleDestroy {
  private readonly logger = new Logger(HealthService.name);
  private draining = false;

  constructor(
    private readonly database: Database,
    private readonly redis: Redis,
    private readonly rates: RateCheck,
    private readonly registry: ProviderRegistry,
    private readonly queries: GenerationsQueries,
    private readonly cache: CacheService,
    private readonly storage: StorageHealth,
    private readonly clock: Clock,
  ) {}

  /** The first thing of a shutdown, long before the port closes, so that a balancer looks elsewhere in time. */
  drain(): void {
    this.draining = true;
  }

  onModuleDestroy(): void {
    this.drain();
  }

  async readiness(): Promise<ReadinessResponse> {
    const [db, uncounted] = await Promise.all([this.databaseAnswers(), this.redis.isConfigured ? this.rates.problem() : undefined]);
    const providers = this.configured();
    await this.storage.look();
    const problems = this.storage.reasons;
    const storage = problems.length === 0;
    const takenOut = this.registry.pluginsTakenOut();
    const ready = db && storage && providers.length > 0 && !this.draining;
    return {
      status: ready ? 'ready' : 'not_ready',
      checks: {
        db,
        ...(this.redis.isConfigured ? { redis: uncounted === undefined } : {}),
        storage,
        providers,
        plugins_taken_out: [...takenOut.keys()],
        draining: this.draining,
      },
      reasons: [
        ...(db ? [] : ['The database cannot be used.']),
        ...problems,
        ...(uncounted === undefined ? [] : [uncounted]),
        ...(providers.length > 0 ? [] : ['No provider is configured.']),
        ...[...takenOut].map(([plugin, reason]) => `The plugin ${plugin} is disabled until the gateway restarts: ${reason}.`),
        ...(this.draining ? ['This process is shutting down.'] : []),
      ],
    };
  }

  /** From what the caller's own recent generations met. */
  async health(tenant: Tenant): Promise<HealthResponse> {
    const [outcomes, entries] = await Promise.all([
      this.queries.lastOutcomes(tenant, this.clock.nowMs() - RECENT_MS),
      this.cache.count(tenant),
    ]);
    const providers = this.registry.list().flatMap(({ providerId: provider, configured }) => {
      if (!configured) return [];
      const health = providerHealth(
        provider,
        outcomes.find((outcome) => outcome.provider === provider),
      );
      const reason = this.registry.takenOut(provider);
      return reason === undefined ? [health] : [{ ...health, healthy: false, message: `Its plugin is disabled: ${reason}.` }];
    });
    return {
      status: providers.every(({ healthy }) => healthy) ? 'healthy' : 'degraded',
      providers,
      cache: { enabled: this.cache.isEnabled, entries },
    };
  }

  private configured(): string[] {
    return this.registry.list().flatMap(({ providerId }) => (this.registry.isUsable(providerId) ? [providerId] : []));
  }

  private async databaseAnswers(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${DATABASE_TIMEOUT_MS} ms`)), DATABASE_TIMEOUT_MS);
    });
    try {
      await Promise.race([this.database.check(), late]);
      return true;
    } catch (error) {
      this.logger.warn(`The database cannot be used: ${String(error)}`);
      return false;
    } finally {
      clearTimeout(timer);
    }
  }
}

function providerHealth(provider: string, outcome: ProviderOutcome | undefined): HealthResponse['providers'][number] {
  if (outcome === undefined) return { provider, healthy: true, message: null, latency_ms: null, last_checked: null };
  const healthy = outcome.errorCode === null || isCallersFault(outcome.errorCode);
  return {
    provider,
    healthy,
    message: healthy ? null : outcome.errorMessage,
    latency_ms: outcome.latencyMs,
    last_checked: new Date(outcome.finishedAt).toISOString(),
  };
}

function isCallersFault(code: string): boolean {
  return Object.hasOwn(ERRORS, code) && ERRORS[code as ErrorCode].fault === 'caller';
}
