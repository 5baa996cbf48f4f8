import { Injectable } from '@nestjs/common';
import type { Principal, Tenant } from '../../domain/access/index.js';
import {
  ApiError,
  Clock,
  type Cursor,
  firstOf,
  MOST_PAGE_BYTES,
  microsToUsd,
  newId,
  type Page,
  type PageRequest,
  usdToMicros,
} from '../../platform/common/index.js';
import { Database } from '../../platform/database/index.js';
import { BudgetEntity } from './budget.entity.js';
import type { BudgetLevel } from './budget.types.js';
import { BudgetDirectory } from './budget-directory.service.js';
import { BudgetsRepository, type Spending } from './budgets.repository.js';
import type { Budget, CreateBudgetRequest, PatchBudgetRequest } from './dto/budget.dto.js';
import { remainingOf } from './ledger.policy.js';
import { periodAt } from './periods.policy.js';

/** Budgets that concern the caller's application. */
@Injectable()
export class BudgetsService {
  constructor(
    private readonly clock: Clock,
    private readonly database: Database,
    private readonly repository: BudgetsRepository,
    private readonly directory: BudgetDirectory,
  ) {}

  async list(tenant: Tenant, page: PageRequest): Promise<Pick<Page<{ budget: Budget }>, 'rows' | 'next'>> {
    const shown: (Cursor & { budget: Budget; bytes: number })[] = [];
    let bytes = 0;
    // A budget shows up to a hundred balances: none is asked for that there will be no room for.
    for (const { id, createdAt, ...budget } of await this.repository.list(tenant, page)) {
      const one = await this.shown({ ...budget, id, createdAt });
      shown.push({ id, createdAt, budget: one, bytes: JSON.stringify(one).length });
      bytes += shown.at(-1)?.bytes ?? 0;
      if (bytes > MOST_PAGE_BYTES && shown.length > 1) break;
    }
    return firstOf(shown, page.perPage, (row) => row.bytes);
  }

  /** @throws ApiError `not_found` */
  async get(tenant: Tenant, id: string): Promise<Budget> {
    return this.shown(await this.find(tenant, id));
  }

  /** @throws ApiError `conflict` for a second one of the same subject and period, `param_unsupported`, `not_found` for the key, `forbidden` */
  async create(tenant: Principal, request: CreateBudgetRequest): Promise<Budget> {
    const { level, period = 'none' } = request;
    // One that names a key takes the place of the one for every key, which may be lower.
    if (level === 'key' && request.subject != null) await this.refuseBounded(tenant, level, 'subject');
    const subject = await this.subject(tenant, request);
    const nowMs = this.clock.nowMs();
    const limitMicros = usdToMicros(request.limit_usd);
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
    return this.shown(created);
  }

  /** @throws ApiError `not_found`, `forbidden` */
  async patch(tenant: Principal, id: string, request: PatchBudgetRequest): Promise<Budget> {
    const before = await this.find(tenant, id);
    if (request.limit_usd != null) {
      const limitMicros = usdToMicros(request.limit_usd);
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
    if (level === 'organization') throw new ApiError('forbidden', 'An API key only lowers the budgets of its organization.', { param });
    if (level !== 'key' || !(await this.repository.boundsKey({ orgId, appId }, keyId))) return;
    throw new ApiError(
      'forbidden',
      'An API key that has a budget itself only lowers those of keys. PATCH /v1/keys/{id} gives of its own quota.',
      {
        param,
      },
    );
  }

  private async subject(tenant: Tenant, { level, subject }: CreateBudgetRequest): Promise<string | null> {
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

  private async shown(budget: BudgetEntity): Promise<Budget> {
    const limitMicros = budget.limitMicros ?? 0;
    const { startMs, endMs } = periodAt(budget.period, this.clock.nowMs());
    const counted = await this.repository.balancesOf(budget.id, startMs);
    const fresh = { heldMicros: 0, settledMicros: 0 };
    const balances = counted.length === 0 && budget.subject !== null ? [{ ...fresh, subject: budget.subject }] : counted;
    return {
      id: budget.id,
      level: budget.level,
      subject: budget.subject,
      period: budget.period,
      limit_usd: microsToUsd(limitMicros),
      period_start: endMs === null ? null : new Date(startMs).toISOString(),
      resets_at: endMs === null ? null : new Date(endMs).toISOString(),
      balances: balances.map((balance) => toBalance(balance, limitMicros)),
      created_at: new Date(budget.createdAt).toISOString(),
      updated_at: new Date(budget.updatedAt).toISOString(),
    };
  }
}

function toBalance(balance: Pick<Spending, 'subject' | 'heldMicros' | 'settledMicros'>, limitMicros: number): Budget['balances'][number] {
  return {
    subject: balance.subject,
    held_usd: microsToUsd(balance.heldMicros),
    settled_usd: microsToUsd(balance.settledMicros),
    remaining_usd: microsToUsd(remainingOf({ ...balance, limitMicros }) ?? 0),
  };
}
