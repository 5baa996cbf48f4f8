import type { CallWarning, Charged, Json } from '@litegen/plugin-sdk';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { AttemptState, StoredResult } from './generation.types.js';

/** One try at one vendor. The vendor's job belongs to it, never to the generation. */
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

  @Column('bigint', { name: 'accepted_at', nullable: true })
  acceptedAt!: number | null;

  @Column('bigint', { name: 'finished_at', nullable: true })
  finishedAt!: number | null;
}
