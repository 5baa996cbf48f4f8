import { Injectable } from '@nestjs/common';
import { Clock } from '../../../platform/common/index.js';
import { Database } from '../../../platform/database/index.js';
import { quotaExceeded } from '../../../policy/budgets/index.js';
import { CacheEntriesRepository } from '../../../policy/cache/index.js';
import type { GenerationEntity } from '../model/generation.entity.js';
import { isTerminal } from '../model/generation.types.js';
import { outputsFor } from '../model/generation-outputs.js';
import type { Held } from '../model/held.js';
import { Settler } from '../settle/settler.service.js';
import { GenerationsRepository } from '../store/generations.repository.js';
import { LifecycleRepository } from '../store/lifecycle.repository.js';
import { CachedResults } from './cached-results.service.js';

/** A refusal is not taken over from one call, but a second one is believed. */
const FAILURES_BELIEVED = 2;

/** Generations that wait for the result of another one of the same request. */
@Injectable()
export class Followers {
  constructor(
    private readonly clock: Clock,
    private readonly database: Database,
    private readonly entries: CacheEntriesRepository,
    private readonly repository: GenerationsRepository,
    private readonly lifecycle: LifecycleRepository,
    private readonly results: CachedResults,
    private readonly settler: Settler,
  ) {}

  /** Looks at whom it follows. True: it follows nobody any more, and asks the vendor itself. */
  async look(held: Held, leaderId: string): Promise<boolean> {
    const { generation } = held;
    if (await this.share(held, leaderId)) return false;
    const leader = await this.repository.findAny(leaderId);
    if (leader !== null && !isTerminal(leader.status)) {
      await this.wait(held, leaderId);
      return false;
    }
    if (leader?.status === 'failed' && (await this.isBelieved(generation, leaderId))) {
      const details = { ...leader.errorDetails, charged: 'no' };
      const failure = { code: leader.errorCode ?? 'internal_error', message: leader.errorMessage ?? 'The generation failed.', details };
      await this.settler.endUntried(held, 'failed', failure as Parameters<Settler['endUntried']>[2]);
      return false;
    }
    return this.promote(held);
  }

  private async wait({ lease, generation: { deadlineAt: deadlineAtMs, cachedFrom: followed } }: Held, leaderId: string): Promise<void> {
    await this.lifecycle.wait({ lease, leaderId, followed, deadlineAtMs, nowMs: this.clock.nowMs() });
  }

  /** With one look-up for all who follow the same. False: there is no result, or not yet. */
  private async share(held: Held, leaderId: string): Promise<boolean> {
    const { generation } = held;
    const cacheKey = generation.cacheKey ?? '';
    const result = await this.results.of(cacheKey, leaderId);
    if (result === null || !(await this.results.hasFiles(cacheKey, result))) return false;
    await this.settler.share(held, outputsFor(generation, result.outputs, this.clock.nowMs()), result.warnings);
    return true;
  }

  private async isBelieved({ cacheKey }: GenerationEntity, leaderId: string): Promise<boolean> {
    const entry = cacheKey === null ? undefined : (await this.entries.find(this.database.manager, [cacheKey])).get(cacheKey);
    return entry?.generationId === leaderId && entry.state === 'failed' && entry.failures >= FAILURES_BELIEVED;
  }

  private async promote(held: Held): Promise<boolean> {
    const { lease, generation } = held;
    const nowMs = this.clock.nowMs();
    const next = await this.lifecycle.promote(lease, generation, nowMs);
    if (next === null) return false;
    if (next.kind === 'following') {
      await this.wait(held, next.leaderId);
      return false;
    }
    if (next.kind === 'quota_exceeded') {
      const { code, message } = quotaExceeded(next.refusal, nowMs);
      await this.settler.endUntried(held, 'failed', { code, message, details: { charged: 'no' } });
      return false;
    }
    generation.cachedFrom = null;
    generation.holdMicros = generation.quote.ceilingMicros;
    generation.holdState = 'held';
    if (next.kind === 'alone') generation.cacheKey = null;
    return true;
  }
}
