import type { EntityManager } from 'typeorm';
import type { Principal } from '../../../domain/access/index.js';
import type { AssetEntity } from '../../../domain/storage/index.js';
import type { GenerationEntity } from './generation.entity.js';
import type { RequestWebhook } from './generation-event.types.js';

/** A generation that just reached its end; the row already carries its terminal state. */
export interface GenerationEnd {
  readonly generation: GenerationEntity;
  readonly outputs: readonly AssetEntity[];
  /** The job of the attempt that ran last, null when the vendor named none; undefined: not known without a look. */
  readonly vendorJobId?: string | null;
}

/**
 * Hears of ends inside the transaction that writes them, so that an announcement is lost exactly when the end is. What it cannot tell then
 * is noted in the same transaction, and told when it can be.
 */
export abstract class GenerationEvents {
  /** @throws ApiError `url_blocked`, `webhook_url_not_allowed` when the caller may not send events there */
  abstract check(caller: Principal, webhook: RequestWebhook): Promise<void>;

  /** @returns the ids of the generations whose end somebody could not be told of */
  abstract ended(manager: EntityManager, ends: readonly GenerationEnd[]): Promise<readonly string[]>;

  /** Tells those who were not told when it ended. @returns whether everybody knows now */
  abstract endedLate(manager: EntityManager, end: GenerationEnd): Promise<boolean>;
}
