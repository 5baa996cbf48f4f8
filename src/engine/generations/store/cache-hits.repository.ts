import { Injectable, Logger, Optional } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AssetEntity } from '../../../domain/storage/index.js';
import { Database, GroupCommit, insertEntities, isUnavailable } from '../../../platform/database/index.js';
import { type CachedResult, CacheEntriesRepository, type CacheEntry, type CacheUse } from '../../../policy/cache/index.js';
import { GenerationEntity } from '../model/generation.entity.js';
import { GenerationEvents } from '../model/generation-events.port.js';
import type { IdempotentAdmission } from '../model/idempotency.policy.js';
import { DeferredStepsRepository } from './deferred-steps.repository.js';
import { claimOf, IdempotencyRepository } from './idempotency.repository.js';

export interface CacheHit {
  /** As it stands when it is complete. */
  readonly generation: GenerationEntity;
  readonly inputs: readonly AssetEntity[];
  readonly outputs: readonly AssetEntity[];
  readonly result: CachedResult;
  readonly use: CacheUse;
  readonly idempotency: IdempotentAdmission;
}

/** `stale`: the result does not count any more. `duplicate`: another request with the same `Idempotency-Key` was first. */
export type HitOutcome = 'written' | 'stale' | 'duplicate';

/** Writes generations that are complete at once: their rows, files and announcements in one transaction. */
@Injectable()
export class CacheHitsRepository {
  private readonly logger = new Logger(CacheHitsRepository.name);
  private readonly hits = new GroupCommit<CacheHit, HitOutcome>((items) => this.commit(items));

  constructor(
    private readonly database: Database,
    private readonly entries: CacheEntriesRepository,
    private readonly idempotency: IdempotencyRepository,
    private readonly deferred: DeferredStepsRepository,
    @Optional() private readonly events?: GenerationEvents,
  ) {}

  write(hit: CacheHit): Promise<HitOutcome> {
    return this.hits.commit(hit);
  }

  /** As with every end, what fails beside it is set aside: after the others of a batch were tried alone. */
  private async commit(items: readonly CacheHit[]): Promise<HitOutcome[]> {
    try {
      return await this.database.transaction((manager) => this.insert(manager, items, false));
    } catch (error) {
      if (items.length > 1 || isUnavailable(error)) throw error;
      return this.database.transaction((manager) => this.insert(manager, items, true));
    }
  }

  private async insert(manager: EntityManager, items: readonly CacheHit[], isCareful: boolean): Promise<HitOutcome[]> {
    const entries = await this.entries.find(manager, [...new Set(items.flatMap(({ generation }) => generation.cacheKey ?? []))]);
    const counting = items.filter((hit) => counts(hit, entries.get(hit.generation.cacheKey ?? '')));
    const taken = await this.idempotency.claim(manager, counting.flatMap(claimOf));
    const written = counting.filter(({ generation, idempotency }) => idempotency.key === undefined || taken.has(generation.id));
    await insertEntities(
      manager,
      GenerationEntity,
      written.map(({ generation }) => generation),
    );
    await insertEntities(
      manager,
      AssetEntity,
      written.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]),
    );
    if (isCareful) {
      const failure = await this.database.attempt(manager, () => this.announce(manager, written));
      if (failure !== undefined) await this.defer(manager, written, failure);
    } else await this.announce(manager, written);
    return items.map((hit) => (written.includes(hit) ? 'written' : counting.includes(hit) ? 'duplicate' : 'stale'));
  }

  private async announce(manager: EntityManager, written: readonly CacheHit[]): Promise<void> {
    const untold = new Set(await this.events?.ended(manager, written));
    const those = written.filter(({ generation }) => untold.has(generation.id));
    if (those.length > 0) await this.defer(manager, those, 'somebody could not be told');
  }

  private async defer(manager: EntityManager, hits: readonly CacheHit[], reason: unknown): Promise<void> {
    const steps = hits.map(({ generation }) => ({ generationId: generation.id, step: 'events' as const }));
    this.logger.error(`events of ${steps.map(({ generationId }) => generationId).join(', ')} failed beside the end: ${String(reason)}`);
    const atMs = Math.max(...hits.map(({ generation }) => generation.completedAt ?? generation.createdAt));
    const lost = await this.database.attempt(manager, () => this.deferred.add(manager, steps, String(reason), atMs));
    if (lost !== undefined) this.logger.error(`They cannot be retried: ${String(lost)}`);
  }
}

function counts({ generation, result, use }: CacheHit, entry: CacheEntry | undefined): boolean {
  return (
    entry?.state === 'completed' &&
    entry.generationId === result.generationId &&
    entry.expiresAtMs > generation.createdAt &&
    generation.createdAt - result.completedAtMs < use.maxAgeMs
  );
}
