import type { Candidate } from '../../engine/generations/index.js';
import { formatUsd, microsToTokens, microsToUsd } from '../../platform/common/index.js';
import type { CostEstimate } from './dto/cost-estimate.dto.js';

/** The answer of a dry run. */
export function toCostEstimate({ model, plan, quote }: Candidate): CostEstimate {
  return {
    base_cost_usd: microsToUsd(quote.amountMicros - quote.markupMicros),
    markup_usd: microsToUsd(quote.markupMicros),
    total_cost_usd: microsToUsd(quote.amountMicros),
    tokens_required: microsToTokens(quote.amountMicros),
    cost_source: 'estimated',
    breakdown: { model: model.id, operation: plan.operation, n: plan.n, inputs: plan.references.length, ...plan.params },
    estimated: true,
    exact: quote.exact,
    total_cost_micros: quote.amountMicros,
    ceiling_usd: microsToUsd(quote.ceilingMicros),
    currency: quote.currency,
    model: model.id,
    provider: model.provider,
    components: quote.components.map((line) => ({
      metric: line.unit,
      quantity: line.quantity,
      billable_quantity: line.billableQuantity,
      unit_price: line.unitPriceUsd,
      per: line.per,
      total_cost: formatUsd(line.totalMicros),
      conditions: line.conditions,
      source: line.source,
      checked: line.checked,
      confidence: line.confidence ?? null,
    })),
    receipt: plan.receipt as CostEstimate['receipt'],
  };
}
