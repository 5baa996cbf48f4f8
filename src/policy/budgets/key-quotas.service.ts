import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { type KeyOfTenant, KeyQuotas, type KeySpending } from '../../domain/access/index.js';
import { type Micros, newId } from '../../platform/common/index.js';
import { account } from './accounts.policy.js';
import { BudgetEntity } from './budget.entity.js';
import { BudgetDirectory } from './budget-directory.service.js';
import { BudgetsRepository } from './budgets.repository.js';

/** Every key has a budget without a period from its beginning: with a limit its quota, without one a count of what it spends. */
@Injectable()
export class BudgetKeyQuotas extends KeyQuotas {
  constructor(
    private readonly repository: BudgetsRepository,
    private readonly directory: BudgetDirectory,
  ) {
    super();
  }

  async open(manager: EntityManager, { id, orgId, appId }: KeyOfTenant, limitMicros: Micros | null, nowMs: number): Promise<void> {
    const own = { orgId, appId, level: 'key' as const, subject: id, period: 'none' as const, limitMicros };
    const budget = Object.assign(new BudgetEntity(), { id: newId('budget'), ...own, createdAt: nowMs, updatedAt: nowMs, deletedAt: null });
    if (!(await this.repository.insert(manager, budget))) throw new Error(`The key ${id} already has a quota`);
  }

  async change(manager: EntityManager, keyId: string, limitMicros: Micros | null, nowMs: number): Promise<void> {
    await this.repository.setQuota(manager, keyId, limitMicros, nowMs);
    this.directory.forget();
  }

  async take(manager: EntityManager, keyId: string, amountMicros: Micros, nowMs: number): Promise<Micros | null> {
    const left = await this.repository.takeFromQuota(manager, keyId, amountMicros, nowMs);
    this.directory.forget();
    return left;
  }

  async of(keyIds: readonly string[]): Promise<ReadonlyMap<string, KeySpending>> {
    const budgets = keyIds.length === 0 ? [] : await this.repository.quotasOf(keyIds);
    const accounts = budgets.map((budget) => ({ budget, account: account(budget, budget.subject ?? '', 0) }));
    const spending = await this.repository.spendingOf(accounts.map(({ account: { id } }) => id));
    return new Map(
      accounts.map(({ budget, account: { id, subject } }) => {
        const { heldMicros, settledMicros } = spending.get(id) ?? { heldMicros: 0, settledMicros: 0 };
        return [subject, { quotaMicros: budget.limitMicros, heldMicros, usedMicros: settledMicros }];
      }),
    );
  }
}
