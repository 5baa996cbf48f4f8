import { Injectable } from '@nestjs/common';
import { Clock, type Micros } from '../../platform/common/index.js';
import { GroupCommit } from '../../platform/database/index.js';
import { accountsOf } from './accounts.policy.js';
import type { BudgetEntity } from './budget.entity.js';
import type { Account, Balance, Refusal, Spender } from './budget.types.js';
import { BudgetsRepository, type Spending } from './budgets.repository.js';
import { leastRemaining, refusalOf } from './ledger.policy.js';

/** Other replicas' new budgets are seen after this time at the latest; a changed limit counts at once. */
const CACHE_MS = 5_000;
const CACHED_LOOKUPS = 10_000;
const KNOWN_BALANCES = 100_000;

/** Tells which accounts a request is counted on. */
@Injectable()
export class BudgetDirectory {
  private readonly cache = new Map<string, { readonly value: Promise<unknown>; readonly freshUntilMs: number }>();
  /** Balances that certainly exist; they are never deleted. */
  private readonly ensured = new Set<string>();
  /** Those who ask in the same moment are answered by one statement. */
  private readonly spending = new GroupCommit<readonly string[], ReadonlyMap<string, Spending>>(async (asked) => {
    const found = await this.repository.spendingOf([...new Set(asked.flat())]);
    return asked.map(() => found);
  });

  constructor(
    private readonly repository: BudgetsRepository,
    private readonly clock: Clock,
  ) {}

  /** Each has a balance that can be locked. Costs no statement while everything is known. */
  async accountsOf(spender: Spender): Promise<Account[]> {
    const nowMs = this.clock.nowMs();
    const accounts = accountsOf(await this.rulesFor(spender), spender, nowMs);
    const missing = accounts.filter(({ id }) => !this.ensured.has(id));
    if (missing.length > 0) {
      await this.repository.ensure(missing, nowMs);
      if (this.ensured.size >= KNOWN_BALANCES) this.ensured.clear();
      for (const { id } of missing) this.ensured.add(id);
    }
    return accounts;
  }

  /** The least that any budget of the spender has left; null: nothing is bounded. */
  async remainingFor(spender: Spender): Promise<Micros | null> {
    return (await this.outlook(spender, 0)).remainingMicros;
  }

  /** What a hold of an amount would be answered right now; nothing is held. */
  async outlook(spender: Spender, amountMicros: Micros): Promise<{ remainingMicros: Micros | null; refusal: Refusal | null }> {
    const rules = (await this.rulesFor(spender)).filter(({ limitMicros }) => limitMicros !== null);
    if (rules.length === 0) return { remainingMicros: null, refusal: null };
    const limits = new Map(rules.map(({ id, limitMicros }) => [id, limitMicros]));
    const accounts = accountsOf(rules, spender, this.clock.nowMs());
    const spending = accounts.length === 0 ? new Map<string, Spending>() : await this.spending.commit(accounts.map(({ id }) => id));
    const balances = new Map(
      accounts.map(({ id: accountId, budgetId, subject, periodStartMs }): [string, Balance] => {
        const { heldMicros, settledMicros } = spending.get(accountId) ?? { heldMicros: 0, settledMicros: 0 };
        const limitMicros = limits.get(budgetId) ?? null;
        return [accountId, { accountId, budgetId, subject, periodStartMs, heldMicros, settledMicros, limitMicros }];
      }),
    );
    return {
      remainingMicros: leastRemaining([...balances.values()]),
      refusal: amountMicros === 0 ? null : refusalOf(accounts, balances, amountMicros),
    };
  }

  /** Makes this process see a change at once. */
  forget(): void {
    this.cache.clear();
  }

  private async rulesFor(spender: Spender): Promise<BudgetEntity[]> {
    const { orgId, appId, keyId, user } = spender;
    const tenant = `${orgId}/${appId}`;
    const nobody = { orgId, appId, keyId: null, user: null };
    const [shared, ofKey, hasNamedUsers] = await Promise.all([
      this.cached(`shared/${tenant}`, () => this.repository.sharedOf(spender)),
      keyId === null ? [] : this.cached(`key/${keyId}`, () => this.repository.namedFor({ ...nobody, keyId })),
      user === null ? false : this.cached(`users/${tenant}`, () => this.repository.hasNamedUsers(spender)),
    ]);
    const ofUser = hasNamedUsers ? await this.cached(`user/${tenant}/${user}`, () => this.repository.namedFor({ ...nobody, user })) : [];
    return [...shared, ...ofKey, ...ofUser];
  }

  private cached<T>(name: string, load: () => Promise<T>): Promise<T> {
    const known = this.cache.get(name);
    const nowMs = this.clock.monotonicMs();
    if (known !== undefined && known.freshUntilMs > nowMs) return known.value as Promise<T>;
    const value = load();
    if (this.cache.size >= CACHED_LOOKUPS) this.cache.clear();
    this.cache.set(name, { value, freshUntilMs: nowMs + CACHE_MS });
    value.catch(() => this.cache.delete(name));
    return value;
  }
}
