import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A key of an application. Only its hash is stored. */
@Entity('api_keys')
export class ApiKeyEntity {
  @PrimaryColumn('text')
  id!: string;

  @Column('text', { name: 'org_id' })
  orgId!: string;

  @Column('text', { name: 'app_id' })
  appId!: string;

  /** For the time when people own keys. */
  @Column('text', { name: 'owner_user_id', nullable: true })
  ownerUserId!: string | null;

  @Column('text')
  name!: string;

  /** `pk_live_…`: names the key in public. */
  @Column('text', { name: 'public_id' })
  publicId!: string;

  /** HMAC-SHA-256 of the secret, hex. */
  @Column('text', { name: 'key_hash' })
  keyHash!: string;

  /** The secret's first characters, to recognise it by. */
  @Column('text', { name: 'key_prefix' })
  keyPrefix!: string;

  /** The secret before the last rotation, until it expires. */
  @Column('text', { name: 'previous_key_hash', nullable: true })
  previousKeyHash!: string | null;

  @Column('bigint', { name: 'previous_expires_at', nullable: true })
  previousExpiresAt!: number | null;

  /** Comma-separated. */
  @Column('text')
  scopes!: string;

  @Column('simple-json', { name: 'allowed_models', nullable: true })
  allowedModels!: string[] | null;

  @Column('integer', { name: 'rpm_limit', nullable: true })
  rpmLimit!: number | null;

  /** Null: as the configuration has it. */
  @Column('integer', { name: 'max_in_flight', nullable: true })
  maxInFlight!: number | null;

  /** Null: as the configuration has it. */
  @Column('integer', { name: 'max_queued', nullable: true })
  maxQueued!: number | null;

  @Column('text', { name: 'webhook_url', nullable: true })
  webhookUrl!: string | null;

  /** 0: never from the cache. Null: as the model has it. */
  @Column('integer', { name: 'cache_ttl_seconds', nullable: true })
  cacheTtlSeconds!: number | null;

  /** Whether its requests are strict that do not say it themselves. Null: as the application has it. */
  @Column('boolean', { nullable: true })
  strict!: boolean | null;

  @Column('boolean', { name: 'is_active' })
  isActive!: boolean;

  @Column('bigint', { name: 'expires_at', nullable: true })
  expiresAt!: number | null;

  @Column('bigint', { name: 'last_used_at', nullable: true })
  lastUsedAt!: number | null;

  @Column('bigint', { name: 'created_at' })
  createdAt!: number;

  @Column('bigint', { name: 'updated_at' })
  updatedAt!: number;
}
