import type { PriceCondition } from '../../domain/catalog/index.js';
import type { PricedRequest } from './costs.types.js';

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
export function effectiveParam(name: string, { model, params }: Pick<PricedRequest, 'model' | 'params'>): Value {
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
