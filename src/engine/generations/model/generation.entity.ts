import type { CallWarning, JsonObject, Operation } from '@litegen/plugin-sdk';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Modality } from '../../../domain/catalog/index.js';
import type { Cause, Spender } from '../../../policy/budgets/index.js';
import type {
  GenerationStatus,
  HoldState,
  Settlement,
  StoredQuote,
  StoredReceipt,
  StoredRequest,
  StoredUsage,
} from './generation.types.js';
import type { GenerationEventType } from './generation-event.types.js';
import { TRANSITIONS } from './transitions.js';

/** One request for media, from admission to its end. What is done for it, and when, stands with its attempts; while it is active, one of them is. */
@Entity('generations')
export class GenerationEntity {
  @PrimaryColumn('text')
  id!: string;

  @Column('text', { name: 'org_id' })
  orgId!: string;

  @Column('text', { name: 'app_id' })
  appId!: string;

  @Column('text', { name: 'key_id', nullable: true })
  keyId!: string | null;

  /** The `user` that the caller named. */
  @Column('text', { name: 'end_user', nullable: true })
  endUser!: string | null;

  @Column('text')
  operation!: Operation;

  @Column('text', { name: 'media_type' })
  mediaType!: Modality;

  /** Catalogue id. */
  @Column('text')
  model!: string;

  /** The name as the caller wrote it. */
  @Column('text', { name: 'requested_model' })
  requestedModel!: string;

  @Column('text')
  provider!: string;

  /** While it is active, that of its furthest attempt. */
  @Column('text')
  status!: GenerationStatus;

  /** 0–100. */
  @Column('integer')
  progress!: number;

  @Column('simple-json')
  request!: StoredRequest;

  @Column('simple-json')
  receipt!: StoredReceipt;

  @Column('simple-json')
  quote!: StoredQuote;

  @Column('simple-json', { nullable: true })
  metadata!: JsonObject | null;

  @Column('bigint', { name: 'hold_micros' })
  holdMicros!: number;

  @Column('text', { name: 'hold_state' })
  holdState!: HoldState;

  @Column('bigint', { name: 'cost_micros', nullable: true })
  costMicros!: number | null;

  @Column('text', { name: 'cost_source', nullable: true })
  costSource!: string | null;

  @Column('simple-json', { nullable: true })
  usage!: StoredUsage | null;

  @Column('text', { name: 'error_code', nullable: true })
  errorCode!: string | null;

  @Column('text', { name: 'error_message', nullable: true })
  errorMessage!: string | null;

  @Column('simple-json', { name: 'error_details', nullable: true })
  errorDetails!: JsonObject | null;

  /** How many of its attempts were begun. */
  @Column('integer', { name: 'attempt_count' })
  attemptCount!: number;

  @Column('bigint', { name: 'deadline_at' })
  deadlineAt!: number;

  @Column('bigint', { name: 'cancel_requested_at', nullable: true })
  cancelRequestedAt!: number | null;

  /** Of the request, to recognise its repetition. */
  @Column('text', { nullable: true })
  fingerprint!: string | null;

  /** Of the request, where it uses the cache: what decides what is made. */
  @Column('text', { name: 'cache_key', nullable: true })
  cacheKey!: string | null;

  /** The generation whose result this one gets, or, until both have ended, for which it waits. */
  @Column('text', { name: 'cached_from', nullable: true })
  cachedFrom!: string | null;

  /** Where the request wants its own events. */
  @Column('text', { name: 'webhook_url', nullable: true })
  webhookUrl!: string | null;

  @Column('simple-json', { name: 'webhook_events', nullable: true })
  webhookEvents!: GenerationEventType[] | null;

  /** When the caller's connection broke before the answer. */
  @Column('bigint', { name: 'client_gone_at', nullable: true })
  clientGoneAt!: number | null;

  @Column('text', { name: 'request_id', nullable: true })
  requestId!: string | null;

  @Column('text', { name: 'trace_parent', nullable: true })
  traceParent!: string | null;

  @Column('bigint', { name: 'created_at' })
  createdAt!: number;

  @Column('bigint', { name: 'started_at', nullable: true })
  startedAt!: number | null;

  @Column('bigint', { name: 'completed_at', nullable: true })
  completedAt!: number | null;

  @Column('bigint', { name: 'updated_at' })
  updatedAt!: number;

  /** Hidden from lists and look-ups by its owner's wish. */
  @Column('bigint', { name: 'deleted_at', nullable: true })
  deletedAt!: number | null;
}

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

/** Of a generation for which no vendor was asked. */
export const UNSENT = { status: TRANSITIONS.enqueue.to, attemptCount: 0, startedAt: null } as const;

/** The same generation, of which no attempt was begun. */
export function asQueued(generation: GenerationEntity): GenerationEntity {
  return Object.assign(new GenerationEntity(), generation, UNSENT);
}

/** What the plugin adjusted or ignored belongs in the caller's receipt, under the caller's names. */
export function withWarnings(
  { receipt, request: { fieldNames } }: { readonly receipt: StoredReceipt; readonly request: Pick<StoredRequest, 'fieldNames'> },
  told: readonly CallWarning[],
): StoredReceipt {
  if (told.length === 0) return receipt;
  const warnings = told.map((warning) => ({ ...warning, param: fieldNames?.[warning.param] ?? warning.param }));
  return {
    ...receipt,
    applied: receipt.applied.filter((field) => !warnings.some(({ param }) => param === field)),
    mapped: [
      ...receipt.mapped,
      ...warnings
        .filter(({ action }) => action === 'mapped')
        .map(({ param, message }) => ({ param, from: null, to: null, reason: message })),
    ],
    dropped: [
      ...receipt.dropped,
      ...warnings.filter(({ action }) => action === 'dropped').map(({ param, message }) => ({ param, reason: message })),
    ],
  };
}

/** On whose budgets a generation is counted. */
export function spenderOf({ orgId, appId, keyId, endUser }: GenerationEntity): Spender {
  return { orgId, appId, keyId, user: endUser === '' ? null : endUser };
}

export function causeOf(generation: GenerationEntity, attemptId: string | null, atMs: number, reason: string | null): Cause {
  return { generationId: generation.id, attemptId, spender: spenderOf(generation), atMs, reason };
}

/** Whether others may get its result: it uses the cache, and follows nobody. */
export function leads({ cacheKey, cachedFrom }: Pick<GenerationEntity, 'cacheKey' | 'cachedFrom'>): boolean {
  return cacheKey !== null && cachedFrom === null;
}
