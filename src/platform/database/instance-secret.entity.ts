import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A random secret that all replicas of this installation share, such as the one that signs links. */
@Entity('instance_secrets')
export class InstanceSecretEntity {
  @PrimaryColumn('text')
  name!: string;

  /** Base64; sealed with `secrets_key` when `sealed` is true. */
  @Column('text')
  value!: string;

  @Column('boolean')
  sealed!: boolean;

  @Column('bigint', { name: 'created_at' })
  createdAt!: number;
}
