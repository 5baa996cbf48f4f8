import { Injectable } from '@nestjs/common';
import type { Tenant } from '../../../domain/access/index.js';
import { Database, rows } from '../../../platform/database/index.js';
import { ACTIVE_STATUSES, GenerationEntity, IS_ACTIVE } from '../../generations/index.js';

const GENERATIONS_AT_ONCE = 200;

/** Finds progress that nobody has announced yet. */
@Injectable()
export class ProgressRepository {
  constructor(private readonly database: Database) {}

  /** Applications that asked for progress, for all of their generations or for one that is under way. */
  listeners(): Promise<Tenant[]> {
    return rows<Tenant>(
      this.database.manager,
      `SELECT DISTINCT org_id AS "orgId", app_id AS "appId" FROM webhook_endpoints
       WHERE disabled_at IS NULL AND deleted_at IS NULL AND event_types LIKE :wanted
       UNION SELECT org_id AS "orgId", app_id AS "appId" FROM generations
       WHERE webhook_events IS NOT NULL AND ${IS_ACTIVE} AND webhook_events LIKE :wanted`,
      { wanted: '%"generation.progress"%' },
    );
  }

  /** Generations under way that came further than the last event about them said. */
  unannounced({ orgId, appId }: Tenant): Promise<GenerationEntity[]> {
    return this.database.manager
      .createQueryBuilder(GenerationEntity, 'generation')
      .where('generation.orgId = :orgId AND generation.appId = :appId', { orgId, appId })
      .andWhere('generation.status IN (:...active) AND generation.progress > 0', { active: ACTIVE_STATUSES })
      .andWhere(
        `NOT EXISTS (SELECT 1 FROM webhook_messages m WHERE m.generation_id = generation.id AND m.type = 'generation.progress'
           AND m.progress >= generation.progress)`,
      )
      .orderBy('generation.updatedAt', 'ASC')
      .take(GENERATIONS_AT_ONCE)
      .getMany();
  }
}
