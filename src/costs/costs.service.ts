import { Inject, Injectable } from '@nestjs/common';
import type { Plan } from '../catalog/index.js';
import { CONFIG, type Config } from '../config/index.js';
import { quoteRequest, settleRequest } from './costs.policy.js';
import type { Outcome, Quote, SettledCost, SettledRequest } from './costs.types.js';

/** What a request will cost and what a run has cost, with the operator's markup. */
@Injectable()
export class CostsService {
  private readonly markupPercent: number;

  constructor(@Inject(CONFIG) config: Pick<Config, 'cost_markup_percent'>) {
    this.markupPercent = config.cost_markup_percent;
  }

  /** @throws ApiError `price_unknown` */
  quote({ model, operation, n, params, references, extra }: Plan): Quote {
    const inputRoles = references.map(({ role }) => role);
    return quoteRequest({ model, operation, n, params, inputRoles, extra }, this.markupPercent);
  }

  /** By the prices under which the request was admitted. */
  settlement({ model: id, ...request }: SettledRequest, outcome: Outcome, { terms }: Pick<Quote, 'terms'>): SettledCost {
    const { markupPercent, ...model } = terms;
    return settleRequest({ ...request, model: { id, ...model } }, outcome, markupPercent);
  }
}
