import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { EventType } from '../endpoints/webhooks.types.js';

/** One event as its receivers get it. */
@Entity('webhook_messages')
export class WebhookMessageEntity {
  /** `msg_…`: the `webhook-id`, the same for every attempt and every endpoint. */
  @PrimaryColumn('text')
  id!: string;

  @Column('text', { name: 'org_id' })
  orgId!: string;

  @Column('text', { name: 'app_id' })
  appId!: string;

  @Column('text')
  type!: EventType;

  @Column('text', { name: 'generation_id', nullable: true })
  generationId!: string | null;

  @Column('text', { name: 'key_id', nullable: true })
  keyId!: string | null;

  /** 0–100, of an event about a generation. No progress of a generation is announced twice. */
  @Column('integer', { nullable: true })
  progress!: number | null;

  /** The JSON whose UTF-8 bytes are sent and signed; never serialised again. */
  @Column('text')
  body!: string;

  @Column('bigint', { name: 'created_at' })
  createdAt!: number;
}
