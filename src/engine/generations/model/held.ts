import type { AttemptEntity, Lease } from './attempt.entity.js';
import type { GenerationEntity } from './generation.entity.js';

/** An attempt that this process holds, and the generation that it is for. */
export interface Held {
  readonly lease: Lease;
  readonly generation: GenerationEntity;
  readonly attempt: AttemptEntity;
}
