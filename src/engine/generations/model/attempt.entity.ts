import type { CallWarning, Charged, Json } from '@litegen/plugin-sdk';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { newId } from '../../../platform/common/index.js';
import type { GenerationEntity } from './generation.entity.js';
import type { AttemptState, StoredResult } from './generation.types.js';

/** One try at one vendor: its job, its lease and its outcome. A generation may have several at once. */
@Entity('attempts')
export class AttemptEntity {
  /** Also the idempotency key that the vendor gets. */
  @PrimaryColumn('text')
  id!: string;

  @Column('text', { name: 'generation_id' })
  generationId!: string;

  @Column('text', { name: 'org_id' })
  orgId!: string;

  @Column('text', { name: 'app_id' })
  appId!: string;

  /** From 1. */
  @Column('integer')
  ordinal!: number;

  @Column('text')
  provider!: string;

  @Column('text')
  model!: string;

  @Column('text')
  state!: AttemptState;

  @Column('text', { name: 'lease_owner', nullable: true })
  leaseOwner!: string | null;

  /** Fencing: grows with every claim, and every write names the one it holds. */
  @Column('bigint', { name: 'lease_token' })
  leaseToken!: number;

  /** When a worker may take it: the end of the lease while one is held, else the next time to look; null once the end is reached. */
  @Column('bigint', { name: 'next_run_at', nullable: true })
  nextRunAt!: number | null;

  /** What `next_run_at` was when the lease was taken, to measure how late that came. */
  @Column('bigint', { name: 'due_at', nullable: true })
  dueAt!: number | null;

  /** Of questions about the vendor's job, and before there is one, of further submissions. */
  @Column('integer', { name: 'poll_count' })
  pollCount!: number;

  /** Which limit had no room, while it waits for that; null while it waits for nothing, or for the pause after another attempt. */
  @Column('text', { name: 'waits_for', nullable: true })
  waitsFor!: string | null;

  /** What the plugin needs to ask for the status. */
  @Column('simple-json', { nullable: true })
  operation!: Json;

  /** The vendor's answer while its files are still being fetched. */
  @Column('simple-json', { nullable: true })
  result!: StoredResult | null;

  @Column('text', { name: 'vendor_job_id', nullable: true })
  vendorJobId!: string | null;

  @Column('text', { name: 'vendor_request_id', nullable: true })
  vendorRequestId!: string | null;

  /** The unguessable part of the URL at which the vendor calls back. */
  @Column('text', { name: 'callback_token', nullable: true })
  callbackToken!: string | null;

  @Column('text', { nullable: true })
  charged!: Charged | null;

  @Column('text', { name: 'error_code', nullable: true })
  errorCode!: string | null;

  @Column('text', { name: 'error_message', nullable: true })
  errorMessage!: string | null;

  @Column('text', { name: 'vendor_code', nullable: true })
  vendorCode!: string | null;

  @Column('integer', { name: 'vendor_status', nullable: true })
  vendorStatus!: number | null;

  @Column('simple-json', { nullable: true })
  warnings!: CallWarning[] | null;

  @Column('bigint', { name: 'created_at' })
  createdAt!: number;

  /** When it was begun; null: it waits, or it ended before its turn came. */
  @Column('bigint', { name: 'sent_at', nullable: true })
  sentAt!: number | null;

  @Column('bigint', { name: 'accepted_at', nullable: true })
  acceptedAt!: number | null;

  @Column('bigint', { name: 'finished_at', nullable: true })
  finishedAt!: number | null;

  @Column('bigint', { name: 'updated_at' })
  updatedAt!: number;
}

/** Proof of the lease of an attempt: no write of a replica that lost it can land. */
export interface Lease {
  readonly attemptId: string;
  readonly generationId: string;
  readonly token: number;
}

export function leaseOf({ id, generationId, leaseToken }: Pick<AttemptEntity, 'id' | 'generationId' | 'leaseToken'>): Lease {
  return { attemptId: id, generationId, token: leaseToken };
}

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
