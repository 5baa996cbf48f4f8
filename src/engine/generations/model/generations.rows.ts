import type { SqlValue } from '../../../platform/database/index.js';
import type { AttemptEntity } from './attempt.entity.js';
import { GenerationEntity } from './generation.entity.js';
import type { Settlement } from './generation.types.js';

/** JSON columns are text in both databases. */
export function json(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}

export function generationRow(row: GenerationEntity): Record<string, SqlValue> {
  return {
    id: row.id,
    org_id: row.orgId,
    app_id: row.appId,
    key_id: row.keyId,
    end_user: row.endUser,
    operation: row.operation,
    media_type: row.mediaType,
    model: row.model,
    requested_model: row.requestedModel,
    provider: row.provider,
    status: row.status,
    progress: row.progress,
    request: JSON.stringify(row.request),
    receipt: JSON.stringify(row.receipt),
    quote: JSON.stringify(row.quote),
    metadata: json(row.metadata),
    hold_micros: row.holdMicros,
    hold_state: row.holdState,
    attempt_count: row.attemptCount,
    attempt_id: row.attemptId,
    lease_owner: row.leaseOwner,
    lease_token: row.leaseToken,
    next_run_at: row.nextRunAt,
    deadline_at: row.deadlineAt,
    fingerprint: row.fingerprint ?? null,
    cache_key: row.cacheKey ?? null,
    cached_from: row.cachedFrom ?? null,
    webhook_url: row.webhookUrl ?? null,
    webhook_events: json(row.webhookEvents),
    waits_for: row.waitsFor ?? null,
    request_id: row.requestId,
    trace_parent: row.traceParent,
    created_at: row.createdAt,
    started_at: row.startedAt,
    updated_at: row.updatedAt,
  };
}

/** What is complete at once, because nobody was asked for it. */
export function completedRow(row: GenerationEntity): Record<string, SqlValue> {
  return { ...generationRow(row), cost_micros: row.costMicros, cost_source: row.costSource, completed_at: row.completedAt };
}

export function attemptRow(row: AttemptEntity): Record<string, SqlValue> {
  return {
    id: row.id,
    generation_id: row.generationId,
    org_id: row.orgId,
    app_id: row.appId,
    ordinal: row.ordinal,
    provider: row.provider,
    model: row.model,
    state: row.state,
    callback_token: row.callbackToken,
    created_at: row.createdAt,
  };
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
    leaseOwner: null,
    nextRunAt: null,
    completedAt: nowMs,
    updatedAt: nowMs,
  });
}
