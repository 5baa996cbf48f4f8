import { Inject, Injectable } from '@nestjs/common';
import type { Plan } from '../../domain/catalog/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { quoteRequest, settlePromised, settleRequest } from './costs.policy.js';
import type { Outcome, PricedRequest, Quote, SettledCost, SettledRequest } from './costs.types.js';

/** What a request will cost and what a run has cost, with the operator's markup. */
@Injectable()
export class CostsService {
  private readonly markupPercent: number;

  constructor(@Inject(CONFIG) config: Pick<Config, 'cost_markup_percent'>) {
    this.markupPercent = config.cost_markup_percent;
  }

  /** @throws ApiError `price_unknown` */
  quote(plan: Plan): Quote {
    return quoteRequest(pricedRequestOf(plan), this.markupPercent);
  }

  /** By the prices under which the request was admitted. */
  settlement({ model: id, ...request }: SettledRequest, outcome: Outcome, quote: Quote): SettledCost {
    const { terms } = quote;
    const { markupPercent, ...model } = terms;
    const priced = { ...request, model: { id, ...model } };
    return quote.id === undefined ? settleRequest(priced, outcome, markupPercent) : settlePromised(priced, outcome, quote);
  }
}

/** The request of a plan, as prices see it. */
export function pricedRequestOf({ model, operation, n, params, references, extra }: Plan): PricedRequest {
  return { model, operation, n, params, inputRoles: references.map(({ role }) => role), extra };
}
