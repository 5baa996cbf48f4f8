import { Injectable } from '@nestjs/common';
import { type AssetEntity, AssetsRepository, BlobStore } from '../../../domain/storage/index.js';
import { Database } from '../../../platform/database/index.js';
import { type CachedOutput, type CachedResult, CacheEntriesRepository, ResultCache } from '../../../policy/cache/index.js';
import { GenerationsRepository } from '../store/generations.repository.js';

/** Finds results that were made before, and gives their files to others. */
@Injectable()
export class CachedResults {
  private readonly loading = new Map<string, Promise<CachedResult | null>>();
  private readonly looking = new Map<string, Promise<boolean>>();

  constructor(
    private readonly remembered: ResultCache,
    private readonly entries: CacheEntriesRepository,
    private readonly repository: GenerationsRepository,
    private readonly assets: AssetsRepository,
    private readonly blobs: BlobStore,
    private readonly database: Database,
  ) {}

  /** What memory has under a key; whether it still counts is another question. */
  recall(cacheKey: string): Promise<CachedResult | undefined> {
    return this.remembered.get(cacheKey);
  }

  /** Null when the generation has no whole result. */
  async of(cacheKey: string, generationId: string): Promise<CachedResult | null> {
    const remembered = await this.remembered.get(cacheKey);
    if (remembered?.generationId === generationId) return remembered;
    const known = this.loading.get(generationId);
    if (known !== undefined) return known;
    const loading = this.load(cacheKey, generationId).finally(() => this.loading.delete(generationId));
    this.loading.set(generationId, loading);
    return loading;
  }

  private async load(cacheKey: string, generationId: string): Promise<CachedResult | null> {
    const [generation, assets, attempts] = await Promise.all([
      this.repository.findAny(generationId),
      this.assets.byGeneration([generationId]),
      this.repository.attemptsOf(generationId),
    ]);
    if (generation === null || generation.status !== 'completed' || generation.deletedAt !== null) return null;
    const outputs = assets.filter(({ direction }) => direction === 'output').map(toOutput);
    if (outputs.length < generation.request.n) return null;
    const warnings = attempts.find(({ state }) => state === 'succeeded')?.warnings ?? [];
    const result = { generationId, completedAtMs: generation.completedAt ?? generation.updatedAt, outputs, warnings };
    await this.remembered.set(cacheKey, result);
    return result;
  }

  /** False, and forgotten, when any of its files is gone. */
  async hasFiles(cacheKey: string, { generationId, outputs }: CachedResult): Promise<boolean> {
    const there = await Promise.all(outputs.map(({ sha256 }) => this.hasFile(sha256)));
    if (there.every(Boolean)) return true;
    await this.forget(cacheKey);
    await this.database.write((manager) => this.entries.remove(manager, { cacheKey, generationId }));
    return false;
  }

  /** Those who ask while somebody looks are told what is seen. */
  private hasFile(sha256: string): Promise<boolean> {
    const known = this.looking.get(sha256);
    if (known !== undefined) return known;
    const looking = this.blobs.has(sha256).finally(() => this.looking.delete(sha256));
    this.looking.set(sha256, looking);
    return looking;
  }

  /** What memory has turned out to count no longer. */
  forget(cacheKey: string): Promise<void> {
    return this.remembered.delete(cacheKey);
  }
}

function toOutput({ position, sha256, contentType, bytes, width, height, durationMs, revisedPrompt }: AssetEntity): CachedOutput {
  return { position, sha256, contentType, bytes, width, height, durationMs, revisedPrompt };
}
