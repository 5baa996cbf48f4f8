import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AttemptEntity, type GenerationEntity } from '../generations/index.js';

/** What events say of vendors' jobs. */
@Injectable()
export class AttemptsRepository {
  /** The attempt that ran last, by generation. */
  async lastOf(manager: EntityManager, generations: readonly GenerationEntity[]): Promise<ReadonlyMap<string, AttemptEntity>> {
    const ids = generations.flatMap(({ attemptId }) => (attemptId === null ? [] : [attemptId]));
    if (ids.length === 0) return new Map();
    const attempts = await manager.createQueryBuilder(AttemptEntity, 'attempt').where('attempt.id IN (:...ids)', { ids }).getMany();
    return new Map(attempts.map((attempt) => [attempt.generationId, attempt]));
  }
}
