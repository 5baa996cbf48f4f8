import type { VendorUsage } from '@litegen/plugin-sdk';
import { type PriceComponent, type PriceUnit, parseSize } from '../catalog/index.js';
import { conditionHolds, effectiveParam } from './conditions.policy.js';
import type { PricedRequest } from './costs.types.js';
import { Fraction } from './fraction.js';

/** How much of a unit is billed. */
export interface Quantity {
  readonly total: Fraction;
  /** After rounding up per output. */
  readonly billable: Fraction;
  /** `known` follows from the request · `estimated` from the YAML's estimates · `reported` from the vendor. */
  readonly basis: 'known' | 'estimated' | 'reported';
}

const USAGE_FIELDS: Partial<Record<PriceUnit, keyof VendorUsage>> = {
  image: 'images',
  second: 'seconds',
  megapixel: 'megapixels',
  credit: 'credits',
  input_text_token: 'input_text_tokens',
  cached_input_text_token: 'cached_input_text_tokens',
  input_image_token: 'input_image_tokens',
  cached_input_image_token: 'cached_input_image_tokens',
  output_text_token: 'output_text_tokens',
  output_image_token: 'output_image_tokens',
};

/**
 * The quantity of a component's unit, or undefined when nothing tells it.
 * @param outputs outputs asked for, or delivered
 */
export function quantityOf(
  { unit, round_up: roundUp }: Pick<PriceComponent, 'unit' | 'round_up'>,
  request: PricedRequest,
  outputs: number,
  usage?: VendorUsage,
): Quantity | undefined {
  const reported = reportedQuantity(unit, usage);
  if (reported !== undefined) return { total: reported, billable: roundUp ? reported.ceiling() : reported, basis: 'reported' };
  const perOutput = knownPerOutput(unit, request);
  if (perOutput !== undefined) {
    const count = Fraction.of(outputs);
    return { total: perOutput.times(count), billable: (roundUp ? perOutput.ceiling() : perOutput).times(count), basis: 'known' };
  }
  if (unit === 'request') {
    const one = Fraction.of(outputs === 0 ? 0 : 1);
    return { total: one, billable: one, basis: 'known' };
  }
  return estimatedQuantity(unit, roundUp, request, outputs) ?? impliedZero(unit, request);
}

function reportedQuantity(unit: PriceUnit, usage: VendorUsage | undefined): Fraction | undefined {
  const field = USAGE_FIELDS[unit];
  if (usage === undefined || field === undefined) return undefined;
  const count = usage[field];
  if (count !== undefined && Number.isFinite(count) && count >= 0) return Fraction.of(count);
  // A vendor that counts tokens at all leaves out the kinds it did not use.
  const countsTokens =
    unit.endsWith('_token') && Object.entries(usage).some(([name, value]) => name.endsWith('_tokens') && value !== undefined);
  return countsTokens ? Fraction.ZERO : undefined;
}

function knownPerOutput(unit: PriceUnit, request: PricedRequest): Fraction | undefined {
  if (unit === 'image') return Fraction.of(1);
  if (unit === 'second') {
    const seconds = effectiveParam('duration_seconds', request);
    return typeof seconds === 'number' && seconds >= 0 ? Fraction.of(seconds) : undefined;
  }
  if (unit === 'megapixel') {
    const text = effectiveParam('size', request);
    const size = typeof text === 'string' ? parseSize(text) : undefined;
    return size === undefined ? undefined : Fraction.of(BigInt(size.width) * BigInt(size.height)).dividedBy(1_000_000);
  }
  return undefined;
}

function estimatedQuantity(unit: PriceUnit, roundUp: boolean, request: PricedRequest, outputs: number): Quantity | undefined {
  const estimate = request.model.pricing?.estimates.find((one) => one.unit === unit && conditionHolds(one.when, request));
  if (estimate === undefined) return undefined;
  const each = Fraction.parse(String(estimate.quantity));
  const count = Fraction.of(estimate.per_output ? outputs : Math.min(outputs, 1));
  return { total: each.times(count), billable: (roundUp ? each.ceiling() : each).times(count), basis: 'estimated' };
}

/** Caches are not counted on, and image tokens come from images. */
function impliedZero(unit: PriceUnit, request: PricedRequest): Quantity | undefined {
  const zero = unit.startsWith('cached_') || (unit === 'input_image_token' && request.inputRoles.length === 0);
  return zero ? { total: Fraction.ZERO, billable: Fraction.ZERO, basis: 'estimated' } : undefined;
}
