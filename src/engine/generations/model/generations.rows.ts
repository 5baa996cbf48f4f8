import { GenerationEntity } from './generation.entity.js';
import type { Settlement } from './generation.types.js';

/** JSON columns are text in both databases. */
export function json(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}

/** The row as it stands after its end was written. */
export function endedRow(generation: GenerationEntity, settlement: Settlement, nowMs: number): GenerationEntity {
  return Object.assign(new GenerationEntity(), generation, {
    status: settlement.status,
    progress: settlement.status === 'completed' ? 100 : generation.progress,
    costMicros: settlement.costMicros,
    costSource: settlement.costSource,
    holdState: settlement.holdState,
    usage: settlement.usage,
    errorCode: settlement.failure?.code ?? null,
    errorMessage: settlement.failure?.message ?? null,
    errorDetails: settlement.failure?.details ?? null,
    completedAt: nowMs,
    updatedAt: nowMs,
  });
}
