import { Injectable } from '@nestjs/common';
import { type EntityManager, In } from 'typeorm';
import { Database } from '../../platform/database/index.js';
import { AssetEntity } from './asset.entity.js';

@Injectable()
export class AssetsRepository {
  constructor(private readonly database: Database) {}

  /** Inputs first, then partials and outputs, each in their order; for all the generations at once. */
  async byGeneration(generationIds: readonly string[], manager?: EntityManager): Promise<AssetEntity[]> {
    if (generationIds.length === 0) return [];
    return (manager ?? this.database.manager).find(AssetEntity, {
      where: { generationId: In([...generationIds]) },
      order: { generationId: 'ASC', direction: 'ASC', position: 'ASC' },
    });
  }

  /** Whoever it belongs to: only for callers that hold a signed link. */
  find(id: string): Promise<AssetEntity | null> {
    return this.database.manager.findOneBy(AssetEntity, { id });
  }

  /** A tenant's own asset with these bytes, the newest first. */
  byHashForTenant(orgId: string, appId: string, sha256: string): Promise<AssetEntity | null> {
    return this.database.manager.findOne(AssetEntity, { where: { orgId, appId, sha256 }, order: { createdAt: 'DESC' } });
  }

  /** Whether any tenant's asset still needs the blob. To be asked in the transaction that deletes the last one. */
  isReferenced(manager: EntityManager, sha256: string): Promise<boolean> {
    return manager.existsBy(AssetEntity, { sha256 });
  }
}
