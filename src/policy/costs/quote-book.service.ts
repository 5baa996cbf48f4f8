import { Inject, Injectable, Logger } from '@nestjs/common';
import type { Tenant } from '../../domain/access/index.js';
import type { Plan } from '../../domain/catalog/index.js';
import { ApiError, Clock, newId } from '../../platform/common/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { PeriodicTasks } from '../../platform/schedule/index.js';
import { pricedRequestOf } from './costs.service.js';
import type { Quote } from './costs.types.js';
import { differingFact, priceFactsOf } from './facts.policy.js';
import { QuotesRepository, type StoredQuote } from './quotes.repository.js';

const MS_PER_SECOND = 1000;
const SWEEP_INTERVAL_MS = 3_600_000;
/** So long somebody who comes too late is told so. */
const REMEMBERED_MS = 86_400_000;

export interface Offer {
  readonly plan: Plan;
  readonly quote: Quote;
}

export interface IssuedQuote {
  readonly id: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
}

/** Prices that are promised for a while, and kept. */
@Injectable()
export class QuoteBook {
  constructor(
    private readonly clock: Clock,
    private readonly repository: QuotesRepository,
    @Inject(CONFIG) private readonly config: Config,
    periodic: PeriodicTasks,
  ) {
    periodic.add({
      name: 'costs.quotes',
      intervalMs: SWEEP_INTERVAL_MS,
      run: () => repository.removeExpired(clock.nowMs() - REMEMBERED_MS),
      failure: 'Expired quotes could not be removed',
      logger: new Logger(QuoteBook.name),
    });
  }

  /** Promises every one of them, in their order. */
  async issue(tenant: Tenant, offers: readonly Offer[]): Promise<IssuedQuote[]> {
    const createdAtMs = this.clock.nowMs();
    const expiresAtMs = createdAtMs + this.config.quotes.ttl_seconds * MS_PER_SECOND;
    const stored = offers.map(({ plan, quote }): StoredQuote => {
      const { pricing } = plan.model;
      if (pricing === undefined) throw new Error(`${plan.model.id} was quoted without a price`);
      return { id: newId('quote'), model: plan.model.id, facts: priceFactsOf(pricedRequestOf(plan), pricing), quote, expiresAtMs };
    });
    await this.repository.insert(tenant, stored, createdAtMs);
    return stored.map(({ id }) => ({ id, createdAtMs, expiresAtMs }));
  }

  /**
   * The promised price of a request.
   * @throws ApiError `quote_not_found`, `quote_expired`, `quote_mismatch`
   */
  async redeem(tenant: Tenant, id: string, plan: Plan): Promise<Quote> {
    const stored = await this.repository.find(tenant, id);
    const param = 'x-litegen-quote';
    if (stored === null) throw new ApiError('quote_not_found', `There is no quote ${id.slice(0, 100)}.`, { param });
    if (stored.expiresAtMs <= this.clock.nowMs()) {
      throw new ApiError('quote_expired', `The quote ${id} expired at ${new Date(stored.expiresAtMs).toISOString()}; ask for a new one.`, {
        param,
      });
    }
    const differing =
      stored.model === plan.model.id
        ? differingFact(stored.facts, pricedRequestOf(plan))
        : { name: 'model', quoted: stored.model, now: plan.model.id };
    if (differing !== undefined) {
      const { name, quoted, now } = differing;
      const message = `The quote ${id} is for ${name} ${JSON.stringify(quoted)}, and this request has ${JSON.stringify(now)}.`;
      throw new ApiError('quote_mismatch', message, { param: name });
    }
    return { ...stored.quote, id };
  }
}
