import { Injectable } from '@nestjs/common';
import type { Principal, Tenant } from '../../domain/access/index.js';
import {
  ApiError,
  Clock,
  type Cursor,
  firstOf,
  type Micros,
  MOST_PAGE_BYTES,
  newId,
  type Page,
  type PageRequest,
} from '../../platform/common/index.js';
import { Database } from '../../platform/database/index.js';
import { BudgetEntity } from './budget.entity.js';
import type { BudgetLevel, BudgetPeriod } from './budget.types.js';
import { BudgetDirectory } from './budget-directory.service.js';
import { BudgetsRepository, type Spending } from './budgets.repository.js';
import { remainingOf } from './ledger.policy.js';
import { type PeriodBounds, periodAt } from './periods.policy.js';

export interface NewBudget {
  readonly level: BudgetLevel;
  /** Absent or null: for a key or user every one, each on its own; else the caller's own organization or application. */
  readonly subject?: string | null;
  /** Default `none`. */
  readonly period?: BudgetPeriod;
  readonly limitMicros: Micros;
}

interface SubjectBalance extends Pick<Spending, 'subject' | 'heldMicros' | 'settledMicros'> {
  readonly remainingMicros: Micros;
}

/** A budget, and what is counted for it in its current period. */
export interface CountedBudget {
  readonly budget: BudgetEntity;
  readonly period: PeriodBounds;
  readonly balances: readonly SubjectBalance[];
}

/** Budgets that concern the caller's application. */
@Injectable()
export class BudgetsService {
  constructor(
    private readonly clock: Clock,
    private readonly database: Database,
    private readonly repository: BudgetsRepository,
    private readonly directory: BudgetDirectory,
  ) {}

  /** @param answerOf what the caller is sent for one; a page is as long as there is room for these */
  async list<Answer>(
    tenant: Tenant,
    page: PageRequest,
    answerOf: (budget: CountedBudget) => Answer,
  ): Promise<Pick<Page<{ answer: Answer }>, 'rows' | 'next'>> {
    const answers: (Cursor & { answer: Answer; bytes: number })[] = [];
    let bytes = 0;
    // A budget shows up to a hundred balances: none is asked for that there will be no room for.
    for (const budget of await this.repository.list(tenant, page)) {
      const answer = answerOf(await this.counted(budget));
      const row = { id: budget.id, createdAt: budget.createdAt, answer, bytes: JSON.stringify(answer).length };
      answers.push(row);
      bytes += row.bytes;
      if (bytes > MOST_PAGE_BYTES && answers.length > 1) break;
    }
    return firstOf(answers, page.perPage, (row) => row.bytes);
  }

  /** @throws ApiError `not_found` */
  async get(tenant: Tenant, id: string): Promise<CountedBudget> {
    return this.counted(await this.find(tenant, id));
  }

  /** @throws ApiError `conflict` for a second one of the same subject and period, `param_unsupported`, `not_found` for the key, `forbidden` */
  async create(tenant: Principal, wish: NewBudget): Promise<CountedBudget> {
    const { level, period = 'none', limitMicros } = wish;
    // One that names a key takes the place of the one for every key, which may be lower.
    if (level === 'key' && wish.subject != null) await this.refuseBounded(tenant, level, 'subject');
    const subject = await this.subject(tenant, wish);
    const nowMs = this.clock.nowMs();
    const budget = Object.assign(new BudgetEntity(), {
      id: newId('budget'),
      orgId: tenant.orgId,
      appId: level === 'organization' ? null : tenant.appId,
      level,
      subject,
      period,
      limitMicros,
      createdAt: nowMs,
      updatedAt: nowMs,
      deletedAt: null,
    });
    const created = await this.database.transaction(async (manager) => {
      if (await this.repository.insert(manager, budget)) return budget;
      // Every key is counted from its beginning: what is new is the bound.
      const quota = level === 'key' && period === 'none' && subject !== null ? await this.repository.bindQuota(manager, budget) : null;
      if (quota !== null) return Object.assign(budget, { id: quota });
      throw new ApiError('conflict', `There is already a budget of this level, subject and period; change that one.`, { param: 'level' });
    });
    this.directory.forget();
    return this.counted(created);
  }

  /** @param limitMicros undefined: as it is. @throws ApiError `not_found`, `forbidden` */
  async setLimit(tenant: Principal, id: string, limitMicros: Micros | undefined): Promise<CountedBudget> {
    const before = await this.find(tenant, id);
    if (limitMicros !== undefined) {
      if (limitMicros > (before.limitMicros ?? 0)) await this.refuseBounded(tenant, before.level, 'limit_usd');
      await this.database.write((manager) => this.repository.setLimit(manager, id, limitMicros, this.clock.nowMs()));
      this.directory.forget();
    }
    return this.get(tenant, id);
  }

  /** @throws ApiError `not_found`, `forbidden` */
  async remove(tenant: Principal, id: string): Promise<void> {
    const { level, period, subject } = await this.find(tenant, id);
    await this.refuseBounded(tenant, level, 'id');
    const isQuota = level === 'key' && period === 'none' && subject !== null;
    const nowMs = this.clock.nowMs();
    // What a key spends goes on being counted.
    await this.database.write((manager) =>
      isQuota ? this.repository.setLimit(manager, id, null, nowMs) : this.repository.remove(manager, id, nowMs),
    );
    this.directory.forget();
  }

  /**
   * A key that is itself bounded would lift its own bound, or spend through a key whose bound it lifts; and what bounds the organization
   * bounds other applications than a key's.
   */
  private async refuseBounded({ orgId, appId, keyId }: Principal, level: BudgetLevel, param: string): Promise<void> {
    if (keyId === undefined) return;
    if (level === 'organization') throw new ApiError('forbidden', 'An API key can only lower its organization’s budgets.', { param });
    if (level !== 'key' || !(await this.repository.boundsKey({ orgId, appId }, keyId))) return;
    throw new ApiError(
      'forbidden',
      'An API key that has a budget can only lower other keys’ budgets. PATCH /v1/keys/{id} shares its own quota.',
      {
        param,
      },
    );
  }

  private async subject(tenant: Tenant, { level, subject }: NewBudget): Promise<string | null> {
    if (level === 'organization' || level === 'application') {
      const own = level === 'organization' ? tenant.orgId : tenant.appId;
      if (subject == null || subject === own) return own;
      throw new ApiError('not_found', `There is no ${level} ${subject}.`, { param: 'subject' });
    }
    if (level === 'key' && subject != null && !(await this.repository.hasKey(tenant, subject))) {
      throw new ApiError('not_found', `There is no API key ${subject}.`, { param: 'subject' });
    }
    return subject ?? null;
  }

  private async find(tenant: Tenant, id: string): Promise<BudgetEntity> {
    const budget = await this.repository.find(tenant, id);
    if (budget === null) throw new ApiError('not_found', `There is no budget ${id}.`, { param: 'id' });
    return budget;
  }

  private async counted(budget: BudgetEntity): Promise<CountedBudget> {
    const limitMicros = budget.limitMicros ?? 0;
    const period = periodAt(budget.period, this.clock.nowMs());
    const spent = await this.repository.balancesOf(budget.id, period.startMs);
    const fresh = { heldMicros: 0, settledMicros: 0 };
    const balances = spent.length === 0 && budget.subject !== null ? [{ ...fresh, subject: budget.subject }] : spent;
    return {
      budget,
      period,
      balances: balances.map(({ subject, heldMicros, settledMicros }) => ({
        subject,
        heldMicros,
        settledMicros,
        remainingMicros: remainingOf({ heldMicros, settledMicros, limitMicros }) ?? 0,
      })),
    };
  }
}
