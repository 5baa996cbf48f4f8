import type { Cause, Spender } from '../../../policy/budgets/index.js';
import type { GenerationEntity } from './generation.entity.js';

/** On whose budgets a generation is counted. */
export function spenderOf({ orgId, appId, keyId, endUser }: GenerationEntity): Spender {
  return { orgId, appId, keyId, user: endUser === '' ? null : endUser };
}

export function causeOf(generation: GenerationEntity, attemptId: string | null, atMs: number, reason: string | null): Cause {
  return { generationId: generation.id, attemptId, spender: spenderOf(generation), atMs, reason };
}
