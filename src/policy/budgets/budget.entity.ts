import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { BudgetLevel, BudgetPeriod } from './budget.types.js';

/** How much may be spent by whom. The quota of an API key is one, too: level `key`, period `none`. */
@Entity('budgets')
export class BudgetEntity {
  @PrimaryColumn('text')
  id!: string;

  @Column('text', { name: 'org_id' })
  orgId!: string;

  /** Null: of the whole organization. */
  @Column('text', { name: 'app_id', nullable: true })
  appId!: string | null;

  @Column('text')
  level!: BudgetLevel;

  /** The organization, application, key or user; null: each of the level on its own. */
  @Column('text', { nullable: true })
  subject!: string | null;

  @Column('text')
  period!: BudgetPeriod;

  /** Null: spending is counted, not bounded. */
  @Column('bigint', { name: 'limit_micros', nullable: true })
  limitMicros!: number | null;

  @Column('bigint', { name: 'created_at' })
  createdAt!: number;

  @Column('bigint', { name: 'updated_at' })
  updatedAt!: number;

  @Column('bigint', { name: 'deleted_at', nullable: true })
  deletedAt!: number | null;
}
