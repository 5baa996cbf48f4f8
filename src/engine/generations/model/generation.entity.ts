import type { JsonObject, Operation } from '@litegen/plugin-sdk';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Modality } from '../../../domain/catalog/index.js';
import type { GenerationStatus, HoldState, StoredQuote, StoredReceipt, StoredRequest, StoredUsage } from './generation.types.js';
import type { GenerationEventType } from './generation-event.types.js';

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
