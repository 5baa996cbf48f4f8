import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { DeliveryState } from '../endpoints/webhooks.types.js';

/** One message on its way to one endpoint. */
@Entity('webhook_deliveries')
export class WebhookDeliveryEntity {
  @PrimaryColumn('text')
  id!: string;

  @Column('text', { name: 'message_id' })
  messageId!: string;

  @Column('text', { name: 'endpoint_id' })
  endpointId!: string;

  @Column('text', { name: 'org_id' })
  orgId!: string;

  @Column('text', { name: 'app_id' })
  appId!: string;

  /** What the request named instead of the endpoint's URL. */
  @Column('text', { nullable: true })
  url!: string | null;

  @Column('text')
  state!: DeliveryState;

  /** All attempts ever made. */
  @Column('integer', { name: 'attempt_count' })
  attemptCount!: number;

  /** Attempts since the schedule began; sending again by hand begins it anew. */
  @Column('integer', { name: 'retry_step' })
  retryStep!: number;

  /** When it is due: the end of the lease while one is held; null once it is delivered or dead. */
  @Column('bigint', { name: 'next_attempt_at', nullable: true })
  nextAttemptAt!: number | null;

  @Column('text', { name: 'lease_owner', nullable: true })
  leaseOwner!: string | null;

  /** Fencing: grows with every claim, and the attempt's outcome is written only under the one it names. */
  @Column('bigint', { name: 'lease_token' })
  leaseToken!: number;

  @Column('integer', { name: 'last_status', nullable: true })
  lastStatus!: number | null;

  @Column('text', { name: 'last_error', nullable: true })
  lastError!: string | null;

  @Column('bigint', { name: 'created_at' })
  createdAt!: number;

  @Column('bigint', { name: 'delivered_at', nullable: true })
  deliveredAt!: number | null;

  @Column('bigint', { name: 'updated_at' })
  updatedAt!: number;
}
