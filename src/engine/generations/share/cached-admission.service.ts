import { Injectable } from '@nestjs/common';
import type { AssetEntity } from '../../../domain/storage/index.js';
import { Clock, type Micros } from '../../../platform/common/index.js';
import { MetricsService } from '../../../platform/metrics/index.js';
import { BudgetDirectory } from '../../../policy/budgets/index.js';
import { type CacheDecision, type CachedResult, cacheKeyOf } from '../../../policy/cache/index.js';
import { endedRow, GenerationEntity, spenderOf, UNSENT, withWarnings } from '../model/generation.entity.js';
import { SHARED } from '../model/generation.types.js';
import { outputsFor } from '../model/generation-outputs.js';
import type { IdempotentAdmission } from '../model/idempotency.policy.js';
import { CacheHitsRepository } from '../store/cache-hits.repository.js';
import { type Admission, type AdmissionResult, LifecycleRepository, type UncachedAdmissionResult } from '../store/lifecycle.repository.js';
import { CachedResults } from './cached-results.service.js';

/** How often a request tries to use a result that turns out to be gone, before it makes its own. */
const TRIES = 3;

/** A request on its way in. */
export interface Asked extends Pick<Admission, 'generation' | 'attempts' | 'inputs' | 'mayQueue'> {
  readonly idempotency: IdempotentAdmission;
}

export interface Hit {
  readonly kind: 'hit';
  readonly generation: GenerationEntity;
  readonly outputs: readonly AssetEntity[];
  /** How old the result is. */
  readonly ageMs: number;
  /** The least that any budget has left, looked up while the hit is written: it costs nothing. */
  readonly remaining: Promise<Micros | null>;
}

export type CachedAdmissionResult = Hit | UncachedAdmissionResult;

/** Lets requests in that use the cache: what was made before is given again, at no cost. */
@Injectable()
export class CachedAdmission {
  constructor(
    private readonly clock: Clock,
    private readonly results: CachedResults,
    private readonly hits: CacheHitsRepository,
    private readonly lifecycle: LifecycleRepository,
    private readonly budgets: BudgetDirectory,
    private readonly metrics: MetricsService,
  ) {}

  async admit(asked: Asked, use: Extract<CacheDecision, { kind: 'use' }>): Promise<CachedAdmissionResult> {
    const result = await this.tryCache(asked, use);
    this.metrics.cacheRequest(resultOf(result));
    return result;
  }

  private async tryCache(asked: Asked, use: Extract<CacheDecision, { kind: 'use' }>): Promise<CachedAdmissionResult> {
    const cacheKey = keyOf(asked);
    asked.generation.cacheKey = cacheKey;
    const remembered = use.maxAgeMs === 0 ? undefined : await this.results.recall(cacheKey);
    const hit = remembered === undefined ? null : await this.give(asked, use, remembered);
    if (hit !== null) return hit;
    for (let tries = 0; tries < TRIES; tries += 1) {
      const admission = await this.lifecycle.admit({ ...asked, cache: use });
      if (admission.kind === 'again') continue;
      if (admission.kind !== 'cached') return admission;
      const result = await this.results.of(cacheKey, admission.generationId);
      const found = result === null ? null : await this.give(asked, use, result);
      if (found !== null) return found;
    }
    asked.generation.cacheKey = null;
    return this.lifecycle.admitUncached(asked);
  }

  /** Null when the result does not count any more. */
  private async give(
    { generation: asked, inputs, idempotency }: Asked,
    use: Extract<CacheDecision, { kind: 'use' }>,
    result: CachedResult,
  ): Promise<Hit | Extract<AdmissionResult, { kind: 'duplicate' }> | null> {
    const cacheKey = asked.cacheKey ?? '';
    if (!(await this.results.hasFiles(cacheKey, result))) return null;
    const nowMs = this.clock.nowMs();
    const unsent = { ...UNSENT, holdMicros: 0, receipt: withWarnings(asked, result.warnings), cachedFrom: result.generationId };
    const generation = endedRow(Object.assign(new GenerationEntity(), asked, unsent), SHARED, nowMs);
    const outputs = outputsFor(generation, result.outputs, nowMs);
    const remaining = this.budgets.remainingFor(spenderOf(generation));
    // Whoever waits for it hears of it.
    remaining.catch(() => undefined);
    const outcome = await this.hits.write({ generation, inputs, outputs, result, use, idempotency });
    if (outcome === 'duplicate') return { kind: 'duplicate' };
    if (outcome === 'stale') {
      await this.results.forget(cacheKey);
      return null;
    }
    this.metrics.generationEnded(generation, SHARED.status, nowMs - generation.createdAt);
    return { kind: 'hit', generation, outputs, ageMs: Math.max(0, nowMs - result.completedAtMs), remaining };
  }
}

/** Who follows another gets its result as well. */
function resultOf({ kind }: CachedAdmissionResult): 'hit' | 'miss' {
  return kind === 'hit' || kind === 'following' ? 'hit' : 'miss';
}

function keyOf({ generation, inputs }: Asked): string {
  const { orgId, appId, operation, model, request } = generation;
  const { prompt, n, params, extra } = request;
  const references = inputs.map(({ role, sha256 }) => ({ role, sha256 }));
  return cacheKeyOf({ orgId, appId, operation, model, prompt, n, params, extra, references });
}
