import type { EntityManager } from 'typeorm';
import type { AssetEntity } from '../storage/index.js';
import type { GenerationEntity } from './generation.entity.js';

/** A generation that just reached its end; the row already carries its terminal state. */
export interface GenerationEnd {
  readonly generation: GenerationEntity;
  readonly outputs: readonly AssetEntity[];
}

/** Hears of ends inside the transaction that writes them, so that an announcement is lost exactly when the end is. */
export abstract class GenerationEvents {
  abstract ended(manager: EntityManager, ends: readonly GenerationEnd[]): Promise<void>;
}
