import type { PriceCondition, PriceUnit, Pricing } from '../../domain/catalog/index.js';
import { conditionHolds } from './conditions.policy.js';
import type { PricedModel, PricedRequest, PriceTerms } from './costs.types.js';

/** Parameters that quantities are computed from; everything else is asked for by conditions alone. */
const MEASURES = ['size', 'duration_seconds'] as const;

/** What of a model's prices decides the bill of one request. Settled by them, it costs what it would have cost at once. */
export function termsOf(request: PricedRequest, pricing: Pricing, markupPercent: number): PriceTerms {
  return {
    pricing: {
      ...pricing,
      // LiteGen's, carried with the model alone.
      variable_pricing: undefined,
      // Counts only for a model that has no components at all.
      base_cost_usd: pricing.components.length === 0 ? pricing.base_cost_usd : undefined,
      components: applicable(pricing.components, request).map(({ when: _when, source: _source, checked: _checked, ...rate }) => rate),
      estimates: applicable(pricing.estimates, request).map(({ when: _when, ...estimate }) => estimate),
    },
    params: defaultsOf(request.model),
    markupPercent,
  };
}

/** Per unit the first whose `when` holds. */
function applicable<T extends { readonly unit: PriceUnit; readonly when?: PriceCondition }>(
  list: readonly T[],
  request: PricedRequest,
): T[] {
  const units = new Set<PriceUnit>();
  return list.filter(({ unit, when }) => {
    if (units.has(unit) || !conditionHolds(when, request)) return false;
    units.add(unit);
    return true;
  });
}

function defaultsOf({ params }: PricedModel): PriceTerms['params'] {
  return Object.fromEntries(
    MEASURES.flatMap((name) => {
      const spec = params[name];
      if (spec === undefined) return [];
      const { kind, default: value, allow_auto } = spec;
      return [[name, { kind, ...(value === undefined ? {} : { default: value }), ...(allow_auto === undefined ? {} : { allow_auto }) }]];
    }),
  );
}
