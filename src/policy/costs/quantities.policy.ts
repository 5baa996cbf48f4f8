import type { VendorUsage } from '@litegen/plugin-sdk';
import { type PriceComponent, type PriceCondition, type PriceUnit, parseSize } from '../../domain/catalog/index.js';
import { Fraction } from '../../platform/common/index.js';
import type { PricedRequest } from './costs.types.js';

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
  input_megapixel: 'input_megapixels',
  credit: 'credits',
  input_text_token: 'input_text_tokens',
  cached_input_text_token: 'cached_input_text_tokens',
  input_image_token: 'input_image_tokens',
  cached_input_image_token: 'cached_input_image_tokens',
  output_text_token: 'output_text_tokens',
  output_image_token: 'output_image_tokens',
};

const PIXELS = 1_000_000;
const NOTHING: Quantity = { total: Fraction.ZERO, billable: Fraction.ZERO, basis: 'known' };

/**
 * The quantity of a component's unit, or undefined when nothing tells it.
 * @param outputs outputs asked for, or delivered
 */
export function quantityOf(
  component: Pick<PriceComponent, 'unit' | 'round_up' | 'pixels'>,
  request: PricedRequest,
  outputs: number,
  usage?: VendorUsage,
): Quantity | undefined {
  const { unit, round_up: roundUp } = component;
  const reported = reportedQuantity(unit, usage);
  if (reported !== undefined) return { total: reported, billable: roundUp ? reported.ceiling() : reported, basis: 'reported' };
  const perOutput = knownPerOutput(component, request);
  const known = perOutput === undefined ? undefined : times(perOutput, outputs, roundUp, 'known');
  if (known !== undefined && !isVendorsChoice(unit, request)) return known;
  if (unit === 'request') return times(Fraction.of(Math.min(outputs, 1)), 1, false, 'known');
  if (isOfInputs(unit) && request.inputRoles.length === 0) return NOTHING;
  const estimated = estimatedQuantity(unit, roundUp, request, outputs);
  if (estimated !== undefined) return estimated;
  if (known !== undefined) return { ...known, basis: 'estimated' };
  // Caches are not counted on.
  return unit.startsWith('cached_') ? { ...NOTHING, basis: 'estimated' } : undefined;
}

function reportedQuantity(unit: PriceUnit, usage: VendorUsage | undefined): Fraction | undefined {
  const field = USAGE_FIELDS[unit];
  if (usage === undefined || field === undefined) return undefined;
  const count = usage[field];
  if (count !== undefined && Number.isFinite(count) && count >= 0) return Fraction.of(count);
  if (unit === 'input_megapixel' && usage.megapixels !== undefined) return Fraction.ZERO;
  // A vendor that counts the tokens of a side at all leaves out the kinds it did not use; of the other side nothing is known by that.
  const side = unit.includes('output_') ? 'output_' : 'input_';
  const countsSide =
    unit.endsWith('_token') &&
    Object.entries(usage).some(([name, value]) => name.includes(side) && name.endsWith('_tokens') && value !== undefined);
  return countsSide ? Fraction.ZERO : undefined;
}

function knownPerOutput({ unit, pixels = PIXELS }: Pick<PriceComponent, 'unit' | 'pixels'>, request: PricedRequest): Fraction | undefined {
  if (unit === 'image') return Fraction.of(1);
  if (unit === 'second') {
    const seconds = effectiveParam('duration_seconds', request);
    return typeof seconds === 'number' && seconds >= 0 ? Fraction.of(seconds) : undefined;
  }
  if (unit === 'megapixel') {
    const text = effectiveParam('size', request);
    const size = typeof text === 'string' ? parseSize(text) : undefined;
    return size === undefined ? undefined : Fraction.of(BigInt(size.width) * BigInt(size.height)).dividedBy(pixels);
  }
  return undefined;
}

/** An edit that asks for no size mostly gets that of its picture, whatever the default is. */
function isVendorsChoice(unit: PriceUnit, { params, inputRoles }: PricedRequest): boolean {
  return unit === 'megapixel' && inputRoles.length > 0 && (params.size === undefined || params.size === null);
}

function times(each: Fraction, count: number, roundUp: boolean, basis: Quantity['basis']): Quantity {
  const factor = Fraction.of(count);
  return { total: each.times(factor), billable: (roundUp ? each.ceiling() : each).times(factor), basis };
}

function estimatedQuantity(unit: PriceUnit, roundUp: boolean, request: PricedRequest, outputs: number): Quantity | undefined {
  const estimate = request.model.pricing?.estimates.find((one) => one.unit === unit && conditionHolds(one.when, request));
  if (estimate === undefined) return undefined;
  const perOutputs = estimate.per_output ? outputs : Math.min(outputs, 1);
  const perInputs = estimate.per_input ? request.inputRoles.length : 1;
  return times(Fraction.parse(String(estimate.quantity)), perOutputs * perInputs, roundUp, 'estimated');
}

/** What is counted of references needs references. */
function isOfInputs(unit: PriceUnit): boolean {
  return unit === 'input_image_token' || unit === 'input_megapixel';
}

type Value = string | number | boolean | undefined;

/** Whether a component's or an estimate's `when` holds. */
export function conditionHolds(when: PriceCondition | undefined, request: PricedRequest): boolean {
  if (when === undefined) return true;
  return Object.entries(when).every(([key, expected]) => {
    const value = fieldValue(key, request);
    if (Array.isArray(expected)) return expected.some((one) => one === value);
    if (typeof expected === 'object') {
      if (typeof value !== 'number') return false;
      return (expected.min === undefined || value >= expected.min) && (expected.max === undefined || value <= expected.max);
    }
    return value === expected;
  });
}

/** The value that a condition's key stands for. */
export function fieldValue(key: string, request: PricedRequest): Value {
  if (key === 'n') return request.n;
  if (key === 'operation') return request.operation;
  if (key === 'inputs') return request.inputRoles.length;
  if (key.startsWith('inputs.')) {
    const role = key.slice('inputs.'.length);
    return request.inputRoles.filter((one) => one === role).length;
  }
  if (key.startsWith('extra.')) return scalar(request.extra[key.slice('extra.'.length)]);
  return effectiveParam(key, request);
}

/** What the caller asked for, else what the vendor does when nobody asks. A size reads `1024x1024`. */
function effectiveParam(name: string, { model, params }: Pick<PricedRequest, 'model' | 'params'>): Value {
  const asked: unknown = params[name];
  if (typeof asked === 'object' && asked !== null && 'width' in asked && 'height' in asked) return `${asked.width}x${asked.height}`;
  if (asked !== undefined && asked !== null) return scalar(asked);
  const spec = model.params[name];
  if (spec === undefined) return undefined;
  if (spec.kind === 'size') return scalar(spec.default) ?? (spec.allow_auto === true ? 'auto' : undefined);
  return spec.kind === 'seed' ? undefined : scalar(spec.default);
}

function scalar(value: unknown): Value {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined;
}
