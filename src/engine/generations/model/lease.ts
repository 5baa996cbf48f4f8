import type { AttemptEntity } from './attempt.entity.js';

/** Proof of the lease of an attempt: no write of a replica that lost it can land. */
export interface Lease {
  readonly attemptId: string;
  readonly generationId: string;
  readonly token: number;
}

export function leaseOf({ id, generationId, leaseToken }: Pick<AttemptEntity, 'id' | 'generationId' | 'leaseToken'>): Lease {
  return { attemptId: id, generationId, token: leaseToken };
}
