import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { rows } from '../../../platform/database/index.js';
import { type AttemptEntity, type GenerationEnd, vendorJobOf } from '../../generations/index.js';

type Attempt = Pick<AttemptEntity, 'generationId' | 'state' | 'vendorJobId'>;

/** What events say of vendors' jobs. */
@Injectable()
export class AttemptsRepository {
  /** The vendors' jobs by generation; looked up where they are not known. */
  async jobsOf(manager: EntityManager, ends: readonly GenerationEnd[]): Promise<ReadonlyMap<string, string | null>> {
    const jobs = new Map<string, string | null>();
    const ids: string[] = [];
    for (const { generation, vendorJobId } of ends) {
      if (vendorJobId !== undefined) jobs.set(generation.id, vendorJobId);
      else if (generation.attemptCount > 0) ids.push(generation.id);
    }
    if (ids.length === 0) return jobs;
    const found = await rows<Attempt>(
      manager,
      `SELECT generation_id AS "generationId", state, vendor_job_id AS "vendorJobId" FROM attempts
       WHERE generation_id IN (:ids) AND sent_at IS NOT NULL ORDER BY ordinal`,
      { ids },
    );
    for (const id of ids) jobs.set(id, vendorJobOf(found.filter(({ generationId }) => generationId === id)));
    return jobs;
  }
}
