import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { rows } from '../database/index.js';
import type { AttemptEntity, GenerationEntity } from '../generations/index.js';

/** What events say of vendors' jobs. */
@Injectable()
export class AttemptsRepository {
  /** The attempt that ran last, by its id. */
  async lastOf(
    manager: EntityManager,
    generations: readonly GenerationEntity[],
  ): Promise<ReadonlyMap<string | null, Pick<AttemptEntity, 'id' | 'vendorJobId'>>> {
    const ids = generations.flatMap(({ attemptId }) => (attemptId === null ? [] : [attemptId]));
    if (ids.length === 0) return new Map();
    const attempts = await rows<Pick<AttemptEntity, 'id' | 'vendorJobId'>>(
      manager,
      'SELECT id, vendor_job_id AS "vendorJobId" FROM attempts WHERE id IN (:ids)',
      { ids },
    );
    return new Map(attempts.map((attempt) => [attempt.id, attempt]));
  }
}
