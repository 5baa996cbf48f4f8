import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { rows } from '../../../platform/database/index.js';
import type { AttemptEntity, GenerationEnd } from '../../generations/index.js';

export type VendorJob = Pick<AttemptEntity, 'id' | 'vendorJobId'>;

/** What events say of vendors' jobs. */
@Injectable()
export class AttemptsRepository {
  /** The attempts that ran last, by their ids; looked up where they are not known. */
  async lastOf(manager: EntityManager, ends: readonly GenerationEnd[]): Promise<ReadonlyMap<string | null, VendorJob>> {
    const jobs = new Map<string, VendorJob>();
    const ids: string[] = [];
    for (const { generation, vendorJobId } of ends) {
      const { attemptId: id } = generation;
      if (id === null) continue;
      if (vendorJobId === undefined) ids.push(id);
      else jobs.set(id, { id, vendorJobId });
    }
    if (ids.length === 0) return jobs;
    const found = await rows<VendorJob>(manager, 'SELECT id, vendor_job_id AS "vendorJobId" FROM attempts WHERE id IN (:ids)', { ids });
    for (const job of found) jobs.set(job.id, job);
    return jobs;
  }
}
