import { Column, Entity, PrimaryColumn } from 'typeorm';
import { type Algorithm, type DisabledReason, type EndpointKind, type EventType, eventTypesOf } from './webhooks.types.js';

/** Where an application wants to hear of its generations. */
@Entity('webhook_endpoints')
export class WebhookEndpointEntity {
  @PrimaryColumn('text')
  id!: string;

  @Column('text', { name: 'org_id' })
  orgId!: string;

  @Column('text', { name: 'app_id' })
  appId!: string;

  @Column('text')
  kind!: EndpointKind;

  /** Null for a whole application. */
  @Column('text', { name: 'key_id', nullable: true })
  keyId!: string | null;

  /** Of kind `key_url`: the key's `webhook_url` for which the failures below were counted. */
  @Column('text')
  url!: string;

  @Column('text', { nullable: true })
  description!: string | null;

  /** {@link UNREADABLE_EVENT_TYPES} when the row is broken. */
  @Column('text', { name: 'event_types', transformer: { to: JSON.stringify, from: eventTypesOf } })
  eventTypes!: EventType[];

  /** Whether one request may name another path of the same origin. */
  @Column('boolean', { name: 'allow_request_urls' })
  allowRequestUrls!: boolean;

  @Column('text')
  algorithm!: Algorithm;

  /** Sealed. */
  @Column('text')
  secret!: string;

  /** Base64 of 32 bytes, for Ed25519. */
  @Column('text', { name: 'public_key', nullable: true })
  publicKey!: string | null;

  /** What the last rotation replaced; it signs beside the new one until it expires. */
  @Column('text', { name: 'previous_algorithm', nullable: true })
  previousAlgorithm!: Algorithm | null;

  @Column('text', { name: 'previous_secret', nullable: true })
  previousSecret!: string | null;

  @Column('text', { name: 'previous_public_key', nullable: true })
  previousPublicKey!: string | null;

  @Column('bigint', { name: 'previous_expires_at', nullable: true })
  previousExpiresAt!: number | null;

  @Column('bigint', { name: 'disabled_at', nullable: true })
  disabledAt!: number | null;

  @Column('text', { name: 'disabled_reason', nullable: true })
  disabledReason!: DisabledReason | null;

  /** Failed attempts since the last one that arrived, of whatever delivery. */
  @Column('integer', { name: 'consecutive_failures' })
  consecutiveFailures!: number;

  @Column('bigint', { name: 'failing_since', nullable: true })
  failingSince!: number | null;

  @Column('bigint', { name: 'last_failure_at', nullable: true })
  lastFailureAt!: number | null;

  /** Nothing is sent before: the breaker is open, or the receiver asked for a pause. */
  @Column('bigint', { name: 'paused_until', nullable: true })
  pausedUntil!: number | null;

  @Column('bigint', { name: 'created_at' })
  createdAt!: number;

  @Column('bigint', { name: 'updated_at' })
  updatedAt!: number;

  /** Kept for its delivery log. */
  @Column('bigint', { name: 'deleted_at', nullable: true })
  deletedAt!: number | null;
}
