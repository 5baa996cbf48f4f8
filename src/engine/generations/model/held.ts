import type { AttemptEntity } from './attempt.entity.js';
import type { GenerationEntity } from './generation.entity.js';
import type { Lease } from './lease.js';

/** A generation that this process holds. */
export interface Held {
  readonly lease: Lease;
  readonly generation: GenerationEntity;
  readonly attempt: AttemptEntity;
}
