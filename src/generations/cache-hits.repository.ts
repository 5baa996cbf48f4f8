import { Injectable, Optional } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { type CachedResult, CacheEntriesRepository, type CacheEntry, type CacheUse } from '../cache/index.js';
import { Database, GroupCommit, insertRows } from '../database/index.js';
import { type AssetEntity, AssetsRepository } from '../storage/index.js';
import type { GenerationEntity } from './generation.entity.js';
import { GenerationEvents } from './generation-events.port.js';
import { completedRow } from './generations.rows.js';
import type { IdempotentAdmission } from './idempotency.policy.js';
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
  private readonly hits = new GroupCommit<CacheHit, HitOutcome>((items) =>
    this.database.transaction((manager) => this.insert(manager, items)),
  );

  constructor(
    private readonly database: Database,
    private readonly entries: CacheEntriesRepository,
    private readonly assets: AssetsRepository,
    private readonly idempotency: IdempotencyRepository,
    @Optional() private readonly events?: GenerationEvents,
  ) {}

  write(hit: CacheHit): Promise<HitOutcome> {
    return this.hits.commit(hit);
  }

  private async insert(manager: EntityManager, items: readonly CacheHit[]): Promise<HitOutcome[]> {
    const entries = await this.entries.find(manager, [...new Set(items.flatMap(({ generation }) => generation.cacheKey ?? []))]);
    const counting = items.filter((hit) => counts(hit, entries.get(hit.generation.cacheKey ?? '')));
    const taken = await this.idempotency.claim(manager, counting.flatMap(claimOf));
    const written = counting.filter(({ generation, idempotency }) => idempotency.key === undefined || taken.has(generation.id));
    await insertRows(
      manager,
      'generations',
      written.map(({ generation }) => completedRow(generation)),
    );
    await this.assets.insertMany(
      manager,
      written.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]),
    );
    await this.events?.ended(manager, written);
    return items.map((hit) => (written.includes(hit) ? 'written' : counting.includes(hit) ? 'duplicate' : 'stale'));
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
