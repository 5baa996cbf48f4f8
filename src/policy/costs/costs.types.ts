import type { JsonObject, Operation, VendorUsage } from '@litegen/plugin-sdk';
import type { PlanParams, PriceComponent, PriceCondition, PriceUnit, Pricing } from '../../domain/catalog/index.js';
import type { Micros } from '../../platform/common/index.js';

/** What of a model's file a price depends on. */
export interface PricedModel {
  readonly id: string;
  /** What the vendor does where nobody asks. */
  readonly params: { readonly [name: string]: { readonly kind: string; readonly default?: unknown; readonly allow_auto?: boolean } };
  readonly pricing?: Pricing;
}

/** What a price depends on. */
export interface PricedRequest {
  readonly model: PricedModel;
  readonly operation: Operation;
  readonly n: number;
  readonly params: PlanParams;
  /** Roles of the references, in any order. */
  readonly inputRoles: readonly string[];
  readonly extra: JsonObject;
}

/** A request that ran. What the model's file says by now does not matter. */
export type SettledRequest = Omit<PricedRequest, 'model'> & { readonly model: string };

/** The prices that hold for one request: its bill follows them, whatever the catalogue says when it ends. */
export interface PriceTerms {
  /** Only what concerns the request, without conditions: they were judged. */
  readonly pricing: Pricing;
  readonly params: PricedModel['params'];
  readonly markupPercent: number;
}

/** One line of a bill. */
export interface CostComponent {
  /** `output` for a flat price or a ceiling per output. */
  readonly unit: PriceUnit | 'output';
  /** Decimal string. */
  readonly quantity: string;
  /** What the vendor bills for that quantity, after rounding up per output; decimal string. */
  readonly billableQuantity: string;
  /** US dollars for `per` units, decimal string. */
  readonly unitPriceUsd: string;
  readonly per: number;
  /** This line's share of the total; the lines add up to it exactly. */
  readonly totalMicros: Micros;
  readonly conditions: PriceCondition | null;
  readonly source: string | null;
  readonly checked: string | null;
  readonly confidence: PriceComponent['confidence'];
}

/** A price before the run. */
export interface Quote {
  /** Present when the caller was promised it: then it is what the run costs, or at the most. */
  readonly id?: string;
  /** With markup. */
  readonly amountMicros: Micros;
  /** False when the price depends on what only the vendor can count. */
  readonly exact: boolean;
  readonly currency: 'USD';
  readonly source: 'catalog';
  /** Without markup. */
  readonly components: readonly CostComponent[];
  readonly markupMicros: Micros;
  /** What must be held, with markup; never below the amount. */
  readonly ceilingMicros: Micros;
  readonly terms: PriceTerms;
}

/** How a run ended. */
export interface Outcome {
  readonly usage?: VendorUsage;
  /** The vendor's own price, US dollars as a decimal string. */
  readonly costUsd?: string;
  /** How many outputs were delivered. */
  readonly outputs: number;
}

/** What a run cost. */
export interface SettledCost {
  /** With markup. */
  readonly costMicros: Micros;
  readonly markupMicros: Micros;
  /**
   * `vendor_reported` the vendor's own price · `usage` the vendor's counts at our prices · `catalog` the request's figures ·
   * `quote` what was promised.
   */
  readonly source: 'vendor_reported' | 'usage' | 'catalog' | 'quote';
  /** Without markup; empty when the vendor reported a price. */
  readonly components: readonly CostComponent[];
}
