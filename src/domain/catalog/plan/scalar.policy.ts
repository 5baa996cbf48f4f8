import type { ErrorCode } from '../../../platform/common/index.js';
import type { NumberSpec, ParamSpec } from '../schema/index.js';

export type StringSpec = Extract<ParamSpec, { kind: 'string' }>;
export type ScalarSpec = NumberSpec | StringSpec | Extract<ParamSpec, { kind: 'bool' }>;

export type Checked =
  | { readonly ok: true; readonly value: string | number | boolean }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string; readonly accepted?: readonly (string | number)[] };

/** Checks one value. @param pattern the compiled `spec.pattern` */
export function checkScalar(name: string, spec: ScalarSpec, value: unknown, pattern: RegExp | undefined, textValues: boolean): Checked {
  switch (spec.kind) {
    case 'bool':
      return checkBoolean(name, textValues ? fromText(value) : value);
    case 'string':
      return checkString(name, spec, value, pattern);
    default:
      return checkNumber(name, spec, textValues ? fromText(value) : value);
  }
}

/** A form's text as the JSON value it spells. */
function fromText(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (/^(true|false)$/i.test(value)) return value.toLowerCase() === 'true';
  return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
}

function checkBoolean(name: string, value: unknown): Checked {
  if (typeof value === 'boolean') return { ok: true, value };
  return wrongType(name, 'true or false', value);
}

function checkNumber(name: string, spec: NumberSpec, value: unknown): Checked {
  const whole = spec.kind !== 'float';
  const wanted = whole ? 'a whole number' : 'a number';
  if (typeof value !== 'number' || !Number.isFinite(value) || (whole && !Number.isSafeInteger(value)))
    return wrongType(name, wanted, value);
  const { min, max } = spec;
  if (spec.kind !== 'seed' && spec.enum_values !== undefined && !spec.enum_values.includes(value)) {
    return mismatch(name, value, spec.enum_values);
  }
  if ((min === undefined || value >= min) && (max === undefined || value <= max)) return { ok: true, value };
  const range = formatRange(min, max);
  return { ok: false, code: 'param_out_of_range', message: `${name} must be ${wanted} ${range}; it is ${value}.`, accepted: [range] };
}

function formatRange(min: number | undefined, max: number | undefined): string {
  if (min === undefined) return `up to ${max}`;
  if (max === undefined) return `from ${min}`;
  return min === max ? `equal to ${min}` : `from ${min} to ${max}`;
}

function checkString(name: string, spec: StringSpec, value: unknown, pattern: RegExp | undefined): Checked {
  if (typeof value !== 'string') return wrongType(name, 'text', value);
  if (spec.max_length !== undefined && exceeds(value, spec.max_length)) {
    const message = `${name} may have at most ${spec.max_length} characters; it has ${codePoints(value)}.`;
    return { ok: false, code: 'param_too_long', message };
  }
  if (spec.enum_values !== undefined && !spec.enum_values.includes(value)) return mismatch(name, value, spec.enum_values);
  if (pattern !== undefined && !pattern.test(value)) {
    return { ok: false, code: 'param_pattern_mismatch', message: `${name} must match ${pattern.source}.`, accepted: [pattern.source] };
  }
  return { ok: true, value };
}

export function mismatch(name: string, value: unknown, accepted: readonly (string | number)[]): Checked & { ok: false } {
  return {
    ok: false,
    code: 'param_enum_mismatch',
    message: `${name} must be one of ${accepted.join(', ')}; it is ${show(value)}.`,
    accepted,
  };
}

export function wrongType(name: string, wanted: string, value: unknown): Checked & { ok: false } {
  return { ok: false, code: 'param_invalid_type', message: `${name} must be ${wanted}; it is ${show(value)}.` };
}

/** A caller's value in a message: short, whatever was sent. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** Unicode code points, the unit of every length in the YAML. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Like `codePoints(text) > limit`, but counts only when the answer is in doubt. */
export function exceeds(text: string, limit: number): boolean {
  return text.length > limit && (text.length > 2 * limit || codePoints(text) > limit);
}
