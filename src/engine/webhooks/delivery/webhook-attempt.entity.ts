import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One request that was made to a receiver. */
@Entity('webhook_attempts')
export class WebhookAttemptEntity {
  @PrimaryColumn('text')
  id!: string;

  @Column('text', { name: 'delivery_id' })
  deliveryId!: string;

  @Column('text', { name: 'org_id' })
  orgId!: string;

  @Column('text', { name: 'app_id' })
  appId!: string;

  /** From 1. */
  @Column('integer')
  ordinal!: number;

  @Column('text')
  url!: string;

  /** Null when no answer came. */
  @Column('integer', { nullable: true })
  status!: number | null;

  @Column('boolean')
  success!: boolean;

  /** The beginning of the answer, without secrets. */
  @Column('text', { name: 'response_snippet', nullable: true })
  responseSnippet!: string | null;

  @Column('text', { nullable: true })
  error!: string | null;

  @Column('integer', { name: 'duration_ms' })
  durationMs!: number;

  @Column('bigint', { name: 'created_at' })
  createdAt!: number;
}
