import type { AttemptEntity } from './attempt.entity.js';
import type { GenerationEntity } from './generation.entity.js';
import type { Lease } from './lease.js';

/** A generation that this process holds. A null attempt: nothing was sent so far. */
export interface Held<Attempt extends AttemptEntity | null = AttemptEntity> {
  readonly lease: Lease;
  readonly generation: GenerationEntity;
  readonly attempt: Attempt;
}
