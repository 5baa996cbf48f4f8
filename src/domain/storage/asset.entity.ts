import { Column, Entity, PrimaryColumn } from 'typeorm';

/** `input`: a caller's reference. `output`: what the vendor made. `partial`: a picture on the way to an output. */
export type AssetDirection = 'input' | 'output' | 'partial';

/** One file of one generation. Several assets may share the bytes of one blob. */
@Entity('assets')
export class AssetEntity {
  /** `asset-…` */
  @PrimaryColumn('text')
  id!: string;

  @Column('text', { name: 'org_id' })
  orgId!: string;

  @Column('text', { name: 'app_id' })
  appId!: string;

  @Column('text', { name: 'generation_id' })
  generationId!: string;

  @Column('text')
  direction!: AssetDirection;

  /** From 0, among the generation's assets of the same direction. */
  @Column('integer')
  position!: number;

  /** An input's role in the capability YAML, such as `mask`. */
  @Column('text', { nullable: true })
  role!: string | null;

  /** The blob's address in the store. Lower-case hex. */
  @Column('text')
  sha256!: string;

  @Column('text', { name: 'content_type' })
  contentType!: string;

  @Column('bigint')
  bytes!: number;

  @Column('integer', { nullable: true })
  width!: number | null;

  @Column('integer', { nullable: true })
  height!: number | null;

  @Column('bigint', { name: 'duration_ms', nullable: true })
  durationMs!: number | null;

  @Column('text', { name: 'revised_prompt', nullable: true })
  revisedPrompt!: string | null;

  /** The URL that the caller named, for inputs that came as one. */
  @Column('text', { name: 'source_url', nullable: true })
  sourceUrl!: string | null;

  /** Milliseconds since the epoch. */
  @Column('bigint', { name: 'created_at' })
  createdAt!: number;
}
