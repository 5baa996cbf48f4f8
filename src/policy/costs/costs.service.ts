import { Inject, Injectable } from '@nestjs/common';
import type { Plan, PriceComponent, PriceCondition, PriceUnit, Pricing } from '../../domain/catalog/index.js';
import { ApiError, Fraction } from '../../platform/common/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import type { CostComponent, Outcome, PricedModel, PricedRequest, PriceTerms, Quote, SettledCost, SettledRequest } from './costs.types.js';
import { conditionHolds, type Quantity, quantityOf } from './quantities.policy.js';

/** What a request will cost and what a run has cost, with the operator's markup. */
@Injectable()
export class CostsService {
  private readonly markupPercent: number;
  /** What runs cost under quotes that are never changed. */
  private readonly known = new WeakMap<Quote, Map<string, SettledCost>>();

  constructor(@Inject(CONFIG) config: Pick<Config, 'cost_markup_percent'>) {
    this.markupPercent = config.cost_markup_percent;
  }

  /** @throws ApiError `price_unknown` */
  quote(plan: Plan): Quote {
    return quoteRequest(pricedRequestOf(plan), this.markupPercent);
  }

  /** By the prices under which the request was admitted. */
  settlement(request: SettledRequest, outcome: Outcome, quote: Quote): SettledCost {
    if (!Object.isFrozen(quote) || !isCountable(outcome)) return this.settled(request, outcome, quote);
    let known = this.known.get(quote);
    if (known === undefined) {
      known = new Map();
      this.known.set(quote, known);
    }
    const facts = JSON.stringify([request, outcome]);
    const found = known.get(facts);
    if (found !== undefined) return found;
    const cost = this.settled(request, outcome, quote);
    if (known.size >= MOST_OUTCOMES) known.clear();
    if (facts.length <= LONGEST_FACTS) known.set(facts, cost);
    return cost;
  }

  private settled({ model: id, ...request }: SettledRequest, outcome: Outcome, quote: Quote): SettledCost {
    const { terms } = quote;
    const { markupPercent, ...model } = terms;
    const priced = { ...request, model: { id, ...model } };
    return quote.id === undefined ? settleRequest(priced, outcome, markupPercent) : settlePromised(priced, outcome, quote);
  }
}

/** Whether JSON tells outcomes apart: plugins count as they like. */
function isCountable({ usage = {} }: Outcome): boolean {
  return Object.values(usage).every((count) => count === undefined || Number.isFinite(count));
}

/** Of one quote. */
const MOST_OUTCOMES = 16;
const LONGEST_FACTS = 1024;

/** The request of a plan, as prices see it. */
export function pricedRequestOf({ model, operation, n, params, references, extra }: Plan): PricedRequest {
  return { model, operation, n, params, inputRoles: references.map(({ role }) => role), extra };
}

interface Line {
  readonly component: Omit<CostComponent, 'totalMicros'>;
  readonly usd: Fraction;
  readonly basis: Quantity['basis'];
}

interface Bill {
  readonly lines: readonly Line[];
  /** Units whose quantity nothing tells. */
  readonly unknown: readonly string[];
}

/**
 * The price of a request before it runs.
 * @param markupPercent of the operator, applied last
 * @throws ApiError `price_unknown`
 */
export function quoteRequest(request: PricedRequest, markupPercent: number): Quote {
  const { model, n } = request;
  const pricing = priceOf(request);
  const bill = billFor(pricing, request, n);
  const ceiling = pricing.ceiling_usd === undefined ? undefined : flatLine(pricing.ceiling_usd, n, 'estimated');
  const complete = bill.unknown.length === 0 && bill.lines.length > 0;
  if (!complete && ceiling === undefined) {
    const reason = bill.lines.length === 0 && bill.unknown.length === 0 ? 'none of its prices covers this request' : missing(bill.unknown);
    throw new ApiError('price_unknown', `The price of this request to ${model.id} is not known: ${reason}.`, { model: model.id });
  }
  const lines = complete || ceiling === undefined ? bill.lines : [ceiling];
  const exact = complete && lines.every(({ basis }) => basis === 'known');
  const total = sum(lines);
  const held = !exact && ceiling !== undefined && ceiling.usd.compare(total) > 0 ? ceiling.usd : total;
  const amountMicros = withMarkup(total, markupPercent).toMicros();
  return {
    amountMicros,
    exact,
    currency: 'USD',
    source: 'catalog',
    components: toComponents(lines),
    markupMicros: amountMicros - total.toMicros(),
    ceilingMicros: withMarkup(held, markupPercent).toMicros(),
    terms: termsOf(request, pricing, markupPercent),
  };
}

/**
 * What a run cost: the vendor's own price, else its usage at our prices, else the request's figures, for the outputs delivered.
 * @throws ApiError `price_unknown`, which cannot be for a request that could be quoted
 */
export function settleRequest(request: PricedRequest, outcome: Outcome, markupPercent: number): SettledCost {
  const reported = reportedPrice(outcome.costUsd);
  if (reported !== undefined) return settled(reported, 'vendor_reported', [], markupPercent);
  const pricing = priceOf(request);
  const bill = billFor(pricing, request, outcome.outputs, outcome.usage);
  const complete = bill.unknown.length === 0 && bill.lines.length > 0;
  const ceiling = pricing.ceiling_usd === undefined ? [] : [flatLine(pricing.ceiling_usd, outcome.outputs, 'estimated')];
  const lines = complete ? bill.lines : ceiling;
  if (lines.length === 0) throw new ApiError('price_unknown', 'The price of a finished run is not known.', { model: request.model.id });
  const source = lines.some(({ basis }) => basis === 'reported') ? 'usage' : 'catalog';
  return settled(sum(lines), source, lines, markupPercent);
}

/** What was promised is what it costs: exactly, for the outputs delivered, or up to the ceiling where only the vendor can count. */
function settlePromised(request: PricedRequest, outcome: Outcome, { exact, ceilingMicros, terms }: Quote): SettledCost {
  const { markupPercent } = terms;
  if (exact) return { ...settleRequest(request, { outputs: outcome.outputs }, markupPercent), source: 'quote' };
  const cost = settleRequest(request, outcome, markupPercent);
  if (cost.costMicros <= ceilingMicros) return cost;
  const withoutMarkup = Math.round((ceilingMicros * 100) / (100 + markupPercent));
  return { costMicros: ceilingMicros, markupMicros: ceilingMicros - withoutMarkup, source: 'quote', components: [] };
}

function isPriced(pricing: Pricing | undefined): pricing is Pricing {
  return (
    pricing !== undefined && (pricing.components.length > 0 || pricing.base_cost_usd !== undefined || pricing.ceiling_usd !== undefined)
  );
}

function priceOf({ model }: PricedRequest): Pricing {
  if (isPriced(model.pricing)) return model.pricing;
  const message = `${model.id} has no price, so it cannot be used. The operator can set one in the models directory.`;
  throw new ApiError('price_unknown', message, { model: model.id });
}

function billFor(pricing: Pricing, request: PricedRequest, outputs: number, usage?: Outcome['usage']): Bill {
  if (pricing.components.length === 0) {
    const { base_cost_usd: base } = pricing;
    return { lines: base === undefined ? [] : [flatLine(String(base), outputs, 'published')], unknown: [] };
  }
  const lines: Line[] = [];
  const unknown: string[] = [];
  const counted = new Set<string>();
  for (const component of pricing.components) {
    if (counted.has(component.unit) || !conditionHolds(component.when, request)) continue;
    counted.add(component.unit);
    const quantity = quantityOf(component, request, outputs, usage);
    if (quantity === undefined) unknown.push(component.unit);
    else lines.push(lineOf(component, quantity));
  }
  return { lines, unknown };
}

function lineOf(component: PriceComponent, { total, billable, basis }: Quantity): Line {
  return {
    component: {
      unit: component.unit,
      quantity: total.toString(),
      billableQuantity: billable.toString(),
      unitPriceUsd: component.usd,
      per: component.per,
      conditions: component.when ?? null,
      source: component.source ?? null,
      checked: component.checked ?? null,
      confidence: component.confidence,
    },
    usd: Fraction.parse(component.usd).times(billable).dividedBy(component.per),
    basis,
  };
}

function flatLine(usd: string, outputs: number, confidence: CostComponent['confidence']): Line {
  const each = Fraction.parse(usd);
  const quantity = String(outputs);
  return {
    component: {
      unit: 'output',
      quantity,
      billableQuantity: quantity,
      unitPriceUsd: each.toString(),
      per: 1,
      conditions: null,
      source: null,
      checked: null,
      confidence,
    },
    usd: each.times(Fraction.of(outputs)),
    basis: 'known',
  };
}

function sum(lines: readonly Line[]): Fraction {
  return lines.reduce((total, { usd }) => total.plus(usd), Fraction.ZERO);
}

/** Each line gets the difference that it makes to the rounded running total, so that the lines add up to the rounded sum. */
function toComponents(lines: readonly Line[]): CostComponent[] {
  let running = Fraction.ZERO;
  return lines.map(({ component, usd }) => {
    const before = running.toMicros();
    running = running.plus(usd);
    return { ...component, totalMicros: running.toMicros() - before };
  });
}

function withMarkup(usd: Fraction, percent: number): Fraction {
  return usd.plus(usd.times(Fraction.of(percent)).dividedBy(100));
}

function settled(usd: Fraction, source: SettledCost['source'], lines: readonly Line[], markupPercent: number): SettledCost {
  const costMicros = withMarkup(usd, markupPercent).toMicros();
  return { costMicros, markupMicros: costMicros - usd.toMicros(), source, components: toComponents(lines) };
}

function reportedPrice(costUsd: string | undefined): Fraction | undefined {
  if (costUsd === undefined) return undefined;
  try {
    return Fraction.parse(costUsd);
  } catch {
    // A plugin's mistake must not lose the settlement: the catalogue's price is the next best.
    return undefined;
  }
}

/** What the caller can do about an unknown quantity. */
function missing(units: readonly string[]): string {
  const hints: Readonly<Record<string, string>> = {
    second: 'it is billed by the second, so send duration_seconds',
    megapixel: 'it is billed by the megapixel, so send size',
  };
  const hint = units.map((unit) => hints[unit]).find((text) => text !== undefined);
  return hint ?? `nothing tells how many units of ${units.join(' and ')} it takes`;
}

/** Parameters that quantities are computed from; everything else is asked for by conditions alone. */
const MEASURES = ['size', 'duration_seconds'] as const;

/** What of a model's prices decides the bill of one request. Settled by them, it costs what it would have cost at once. */
function termsOf(request: PricedRequest, pricing: Pricing, markupPercent: number): PriceTerms {
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
