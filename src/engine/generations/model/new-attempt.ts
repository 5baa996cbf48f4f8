import { newId } from '../../../platform/common/index.js';
import { AttemptEntity } from './attempt.entity.js';
import { GenerationEntity } from './generation.entity.js';
import { TRANSITIONS } from './transitions.js';

interface NewAttempt {
  /** The unguessable part of the URL at which the vendor reports; null: it does not. */
  readonly callbackToken: string | null;
  /** When a worker may begin it. */
  readonly nextRunAt: number;
  readonly nowMs: number;
}

/** A row for an attempt whose turn is to come; not stored yet. */
export function newAttempt(
  generation: Pick<GenerationEntity, 'id' | 'orgId' | 'appId' | 'provider' | 'model'>,
  { callbackToken, nextRunAt, nowMs }: NewAttempt,
): AttemptEntity {
  return Object.assign(new AttemptEntity(), {
    id: newId('attempt'),
    generationId: generation.id,
    orgId: generation.orgId,
    appId: generation.appId,
    ordinal: 1,
    provider: generation.provider,
    model: generation.model,
    state: 'queued' as const,
    leaseOwner: null,
    leaseToken: 0,
    nextRunAt,
    dueAt: null,
    pollCount: 0,
    waitsFor: null,
    operation: null,
    result: null,
    vendorJobId: null,
    vendorRequestId: null,
    callbackToken,
    charged: null,
    errorCode: null,
    errorMessage: null,
    vendorCode: null,
    vendorStatus: null,
    warnings: null,
    createdAt: nowMs,
    sentAt: null,
    acceptedAt: null,
    finishedAt: null,
    updatedAt: nowMs,
  });
}

/** The same, begun by the process that admits it: it is sent as soon as it is committed. */
export function begunAttempt(attempt: AttemptEntity, lease: { readonly owner: string; readonly untilMs: number }): AttemptEntity {
  const { createdAt } = attempt;
  const begun = { state: 'sent' as const, leaseOwner: lease.owner, leaseToken: 1, nextRunAt: lease.untilMs, sentAt: createdAt };
  return Object.assign(new AttemptEntity(), attempt, begun);
}

/** The same, waiting after all. */
export function queuedAttempt(attempt: AttemptEntity, wait: Pick<AttemptEntity, 'nextRunAt' | 'waitsFor'>): AttemptEntity {
  const queued = { state: 'queued' as const, leaseOwner: null, leaseToken: 0, sentAt: null, ...wait };
  return Object.assign(new AttemptEntity(), attempt, queued);
}

export function isBegun({ sentAt }: Pick<AttemptEntity, 'sentAt'>): boolean {
  return sentAt !== null;
}

/** Whether the vendor has a job, which can be asked about as often as need be. */
export function hasJob({ acceptedAt }: Pick<AttemptEntity, 'acceptedAt'>): boolean {
  return acceptedAt !== null;
}

/** Of a generation for which no vendor was asked. */
export const UNSENT = { status: TRANSITIONS.enqueue.to, attemptCount: 0, startedAt: null } as const;

/** The same generation, of which no attempt was begun. */
export function asQueued(generation: GenerationEntity): GenerationEntity {
  return Object.assign(new GenerationEntity(), generation, UNSENT);
}
