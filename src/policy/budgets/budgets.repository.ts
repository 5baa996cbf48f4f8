import { Injectable } from '@nestjs/common';
import { type EntityManager, In, IsNull } from 'typeorm';
import type { Tenant } from '../../domain/access/index.js';
import type { Micros, PageRequest } from '../../platform/common/index.js';
import { Database, dialectOf, insertRows, rows } from '../../platform/database/index.js';
import { BudgetEntity } from './budget.entity.js';
import type { Account, Spender } from './budget.types.js';

/** Held and spent of one subject in one period. */
export interface Spending {
  readonly budgetId: string;
  readonly subject: string;
  readonly periodStartMs: number;
  readonly heldMicros: Micros;
  readonly settledMicros: Micros;
}

const MOST_BALANCES_SHOWN = 100;

const SPENDING =
  'budget_id AS "budgetId", subject, period_start AS "periodStartMs", held_micros AS "heldMicros", settled_micros AS "settledMicros"';

/** What budgets there are. What is spent of them changes only in the ledger. */
@Injectable()
export class BudgetsRepository {
  constructor(private readonly database: Database) {}

  /** Those that may concern the requests of a tenant whoever makes them, and those of each key or user on its own. */
  sharedOf({ orgId, appId }: Tenant): Promise<BudgetEntity[]> {
    const own = { orgId, deletedAt: IsNull() };
    return this.database.manager.find(BudgetEntity, {
      where: [
        { ...own, level: 'organization' },
        { ...own, appId, level: 'application' },
        { ...own, appId, subject: IsNull() },
      ],
    });
  }

  /** Those that name the spender's key or user. */
  async namedFor({ orgId, appId, keyId, user }: Spender): Promise<BudgetEntity[]> {
    if (keyId === null && user === null) return [];
    const own = { orgId, appId, deletedAt: IsNull() };
    return this.database.manager.find(BudgetEntity, {
      where: [
        ...(keyId === null ? [] : [{ ...own, level: 'key' as const, subject: keyId }]),
        ...(user === null ? [] : [{ ...own, level: 'user' as const, subject: user }]),
      ],
    });
  }

  async hasNamedUsers({ orgId, appId }: Tenant): Promise<boolean> {
    const found = await rows(
      this.database.manager,
      `SELECT id FROM budgets WHERE org_id = :orgId AND app_id = :appId AND level = 'user' AND subject IS NOT NULL AND deleted_at IS NULL LIMIT 1`,
      { orgId, appId },
    );
    return found.length === 1;
  }

  /** Balances begin before the first transaction needs them: only what exists can be locked. */
  async ensure(accounts: readonly Account[], nowMs: number): Promise<void> {
    const values = [...accounts].sort((left, right) => (left.id < right.id ? -1 : 1));
    await this.database.write((manager) =>
      insertRows(
        manager,
        'budget_balances',
        values.map(({ id, budgetId, subject, periodStartMs }) => ({
          id,
          budget_id: budgetId,
          subject,
          period_start: periodStartMs,
          held_micros: 0,
          settled_micros: 0,
          updated_at: nowMs,
        })),
        'ON CONFLICT (id) DO NOTHING',
      ),
    );
  }

  /** Those that bound anything, of the tenant's application and of its organization. */
  list({ orgId, appId }: Tenant, { perPage, after }: PageRequest): Promise<BudgetEntity[]> {
    const query = this.database.manager
      .createQueryBuilder(BudgetEntity, 'budget')
      .where('budget.org_id = :orgId AND (budget.app_id IS NULL OR budget.app_id = :appId)', { orgId, appId })
      .andWhere('budget.deleted_at IS NULL AND budget.limit_micros IS NOT NULL')
      .orderBy('budget.created_at', 'DESC')
      .addOrderBy('budget.id', 'DESC')
      .take(perPage + 1);
    if (after !== undefined) {
      query.andWhere('(budget.created_at, budget.id) < (:afterCreatedAt, :afterId)', {
        afterCreatedAt: after.createdAt,
        afterId: after.id,
      });
    }
    return query.getMany();
  }

  async find({ orgId, appId }: Tenant, id: string): Promise<BudgetEntity | null> {
    const found = await this.database.manager.findOneBy(BudgetEntity, { id, orgId, deletedAt: IsNull() });
    return found === null || found.limitMicros === null || (found.appId !== null && found.appId !== appId) ? null : found;
  }

  /** False when there is one for the same subject and period. */
  async insert(manager: EntityManager, budget: BudgetEntity): Promise<boolean> {
    const inserted = await rows(
      manager,
      `INSERT INTO budgets (id, org_id, app_id, level, subject, period, limit_micros, created_at, updated_at)
       VALUES (:id, :orgId, :appId, :level, :subject, :period, :limitMicros, :createdAt, :updatedAt) ON CONFLICT DO NOTHING RETURNING id`,
      {
        id: budget.id,
        orgId: budget.orgId,
        appId: budget.appId,
        level: budget.level,
        subject: budget.subject,
        period: budget.period,
        limitMicros: budget.limitMicros,
        createdAt: budget.createdAt,
        updatedAt: budget.updatedAt,
      },
    );
    return inserted.length === 1;
  }

  /** Puts a limit on the count of a key that has none yet. Answers the id of its budget. */
  async bindQuota(manager: EntityManager, { orgId, appId, subject, limitMicros, updatedAt }: BudgetEntity): Promise<string | null> {
    const [bound] = await rows<{ id: string }>(
      manager,
      `UPDATE budgets SET limit_micros = :limitMicros, updated_at = :updatedAt WHERE org_id = :orgId AND app_id = :appId AND level = 'key'
         AND subject = :subject AND period = 'none' AND limit_micros IS NULL AND deleted_at IS NULL RETURNING id`,
      { orgId, appId, subject, limitMicros, updatedAt },
    );
    return bound?.id ?? null;
  }

  /** Whether any budget of the level `key` has a limit for this one. */
  async boundsKey({ orgId, appId }: Tenant, keyId: string): Promise<boolean> {
    const found = await rows(
      this.database.manager,
      `SELECT id FROM budgets WHERE org_id = :orgId AND app_id = :appId AND level = 'key' AND (subject = :keyId OR subject IS NULL)
         AND limit_micros IS NOT NULL AND deleted_at IS NULL LIMIT 1`,
      { orgId, appId, keyId },
    );
    return found.length === 1;
  }

  async hasKey({ orgId, appId }: Tenant, id: string): Promise<boolean> {
    const found = await rows(this.database.manager, 'SELECT id FROM api_keys WHERE id = :id AND org_id = :orgId AND app_id = :appId', {
      id,
      orgId,
      appId,
    });
    return found.length === 1;
  }

  async setLimit(manager: EntityManager, id: string, limitMicros: Micros | null, nowMs: number): Promise<void> {
    await rows(manager, 'UPDATE budgets SET limit_micros = :limitMicros, updated_at = :nowMs WHERE id = :id RETURNING id', {
      id,
      limitMicros,
      nowMs,
    });
  }

  /** What was counted stays in the ledger. */
  async remove(manager: EntityManager, id: string, nowMs: number): Promise<void> {
    await rows(manager, 'UPDATE budgets SET deleted_at = :nowMs, updated_at = :nowMs WHERE id = :id RETURNING id', { id, nowMs });
  }

  /** The quotas of keys, with or without a limit. */
  quotasOf(keyIds: readonly string[]): Promise<BudgetEntity[]> {
    return this.database.manager.findBy(BudgetEntity, { level: 'key', period: 'none', subject: In([...keyIds]), deletedAt: IsNull() });
  }

  async setQuota(manager: EntityManager, keyId: string, limitMicros: Micros | null, nowMs: number): Promise<void> {
    await rows(
      manager,
      `UPDATE budgets SET limit_micros = :limitMicros, updated_at = :nowMs
       WHERE level = 'key' AND period = 'none' AND subject = :keyId AND deleted_at IS NULL RETURNING id`,
      { keyId, limitMicros, nowMs },
    );
  }

  /** Makes a key's quota smaller. Answers null when it did or there is no limit, else what is left, which is less. */
  async takeFromQuota(manager: EntityManager, keyId: string, amountMicros: Micros, nowMs: number): Promise<Micros | null> {
    const lock = dialectOf(manager) === 'postgres' ? 'FOR UPDATE' : '';
    const [quota] = await rows<{ id: string; limitMicros: Micros | null }>(
      manager,
      `SELECT id, limit_micros AS "limitMicros" FROM budgets
       WHERE level = 'key' AND period = 'none' AND subject = :keyId AND deleted_at IS NULL ${lock}`,
      { keyId },
    );
    if (quota === undefined || quota.limitMicros === null) return null;
    const [counted] = await rows<{ usedMicros: Micros }>(
      manager,
      `SELECT held_micros + settled_micros AS "usedMicros" FROM budget_balances WHERE budget_id = :id AND subject = :keyId ${lock}`,
      { id: quota.id, keyId },
    );
    const leftMicros = quota.limitMicros - (counted?.usedMicros ?? 0);
    if (leftMicros < amountMicros) return Math.max(0, leftMicros);
    await this.setLimit(manager, quota.id, quota.limitMicros - amountMicros, nowMs);
    return null;
  }

  /** Of one period, those that changed last. */
  balancesOf(budgetId: string, periodStartMs: number): Promise<Spending[]> {
    return rows<Spending>(
      this.database.manager,
      `SELECT ${SPENDING} FROM budget_balances WHERE budget_id = :budgetId AND period_start = :periodStartMs
       ORDER BY updated_at DESC, id LIMIT ${MOST_BALANCES_SHOWN}`,
      { budgetId, periodStartMs },
    );
  }

  async spendingOf(accountIds: readonly string[]): Promise<ReadonlyMap<string, Spending>> {
    if (accountIds.length === 0) return new Map();
    const found = await rows<Spending & { id: string }>(
      this.database.manager,
      `SELECT id, ${SPENDING} FROM budget_balances WHERE id IN (:accountIds)`,
      { accountIds },
    );
    return new Map(found.map((row) => [row.id, row]));
  }
}
