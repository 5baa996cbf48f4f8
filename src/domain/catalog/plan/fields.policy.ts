import type { Json, JsonObject } from '@litegen/plugin-sdk';
import { ApiError, didYouMean, type ErrorCode } from '../../../platform/common/index.js';
import type { Model } from '../model.js';
import { type NumberSpec, PARAM_KINDS, type ParamSpec } from '../schema/index.js';
import type { PlanInput, PlannedReference, PlanParams, Receipt } from './plan.types.js';

type Writable<T> = { -readonly [Key in keyof T]: T[Key] extends readonly (infer Item)[] ? Item[] : T[Key] };

/** Receipts are kept, so a value that may be a whole file is named but not repeated. */
function isShort(value: unknown): boolean {
  return value === null || typeof value === 'number' || typeof value === 'boolean' || (typeof value === 'string' && value.length <= 200);
}

/** Names are the caller's and end up in a header. */
function headerSafe(name: string): string {
  return name.slice(0, 100).replace(/[^\w.[\]-]/g, '?');
}

export function rejection(
  { id: model }: Model,
  code: ErrorCode,
  param: string,
  message: string,
  accepted?: readonly (string | number)[],
): ApiError {
  return new ApiError(code, message, { param, model, ...(accepted === undefined ? {} : { accepted }) });
}

/** A plan in the making: what the checks of one request share. */
export class Draft {
  readonly params: Record<string, unknown> = {};
  readonly references: PlannedReference[] = [];
  readonly droppedReferences: number[] = [];
  readonly extra: JsonObject = {};
  readonly droppedParams: string[] = [];
  readonly problems: ApiError[] = [];
  readonly receipt: Writable<Receipt> = { applied: [], mapped: [], emulated: [], dropped: [], unverified: [], rejected: [] };

  constructor(
    readonly model: Model,
    readonly input: PlanInput,
    readonly strict: boolean,
    private readonly collect: boolean,
  ) {}

  /** @throws ApiError unless problems are collected. */
  reject(code: ErrorCode, param: string, message: string, accepted?: readonly (string | number)[]): void {
    const error = rejection(this.model, code, param, message, accepted);
    if (!this.collect) throw error;
    this.problems.push(error);
    this.receipt.rejected.push({ param, code, message });
  }

  apply(name: string, value: unknown): void {
    this.params[name] = value;
    this.receipt.applied.push(this.fieldOf(name));
  }

  map(param: string, from: unknown, to: Json, reason: string): void {
    this.receipt.mapped.push({ param, from: from as Json, to, reason });
  }

  drop(param: string, value: unknown, reason: string): void {
    this.droppedParams.push(headerSafe(param));
    this.receipt.dropped.push({ param, ...(isShort(value) ? { value: value as Json } : {}), reason });
  }

  /** Drops what was applied before something else was looked at. */
  retract(name: string, reason: string): void {
    const field = this.fieldOf(name);
    this.receipt.applied.splice(this.receipt.applied.indexOf(field), 1);
    this.drop(field, this.params[name], reason);
    delete this.params[name];
  }

  /** A parameter as the caller wrote it. */
  fieldOf(name: string): string {
    return this.input.fieldNames?.[name] ?? name;
  }

  /** The field of a reference as the caller wrote it. */
  referenceName(index: number): string {
    return this.input.references[index]?.param ?? `reference_images[${index}]`;
  }

  /** @param name LiteGen's name in the dropped list */
  dropReference(index: number, name: string, reason: string): void {
    this.droppedReferences.push(index);
    this.droppedParams.push(headerSafe(name));
    this.receipt.dropped.push({ param: this.referenceName(index), reason });
  }

  /** Whether the caller asked for a parameter. */
  asks(name: string): boolean {
    const value = this.input.params[name];
    return value !== undefined && value !== null;
  }

  get typedParams(): PlanParams {
    return this.params as PlanParams;
  }
}

type StringSpec = Extract<ParamSpec, { kind: 'string' }>;
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

/** Gives every reference its role and counts them. */
export function planReferences(draft: Draft): void {
  const { ref_inputs: inputs, id } = draft.model;
  const { references } = draft.input;
  if (inputs === undefined) {
    for (const index of references.keys()) {
      omit(draft, index, 'reference_images', `${id} takes no reference images`, []);
    }
    return;
  }
  const roles = Object.keys(inputs.roles);
  const limit = inputs.max_total ?? Object.values(inputs.roles).reduce((sum, { max_count }) => sum + max_count, 0);
  if (references.length > limit) {
    const message = `${id} takes at most ${limit} reference images; there are ${references.length}.`;
    draft.reject('ref_total_exceeded', 'reference_images', message, [limit]);
  }
  const counts = new Map<string, number>();
  for (const [index, reference] of references.entries()) {
    const role = reference.role ?? inputs.default_role;
    if (role === undefined) {
      omit(draft, index, 'reference_images[no_role]', `${id} needs a role for every reference image: ${roles.join(', ')}`, roles);
    } else if (!roles.includes(role)) {
      omit(
        draft,
        index,
        `reference_images[${role}]`,
        `${id} has no role ${role}${didYouMean(role, roles)}; its roles are ${roles.join(', ')}`,
        roles,
      );
    } else {
      counts.set(role, (counts.get(role) ?? 0) + 1);
      draft.references.push({ index, role });
      draft.receipt.applied.push(draft.referenceName(index));
    }
  }
  for (const [role, { required, min_count, max_count }] of Object.entries(inputs.roles)) {
    const count = counts.get(role) ?? 0;
    if (required && min_count === 0 && count === 0) {
      draft.reject('ref_role_required', 'reference_images', `${id} needs a reference image with the role ${role}.`, [role]);
    } else if ((count < min_count && (required || count > 0)) || count > max_count) {
      const wanted = min_count === max_count ? String(min_count) : `${min_count} to ${max_count}`;
      const message = `${id} takes ${wanted} reference images with the role ${role}; there are ${count}.`;
      draft.reject('ref_role_count_out_of_range', 'reference_images', message, [wanted]);
    }
  }
}

/** Strict mode refuses the reference, lax mode leaves it out. @param name LiteGen's name in the dropped list */
function omit(draft: Draft, index: number, name: string, reason: string, roles: readonly string[]): void {
  const param = draft.referenceName(index);
  if (draft.strict) {
    // Only LiteGen's list has a field for the role; elsewhere the field's own name is the role.
    const field = roles.length > 0 && param.startsWith('reference_images[') ? `${param}.role` : param;
    draft.reject('ref_role_unknown', field, `${reason}.`, roles);
    return;
  }
  draft.dropReference(index, name, reason);
}

/** Fields of every request, which a vendor option never replaces. */
const REQUEST_FIELDS = ['prompt', 'model', 'strict', 'metadata', 'user', 'stream', 'extra', 'reference_images'];

/** More are no options but a flood, whose names would not fit into a header. */
const MAX_OPTIONS = 50;
const MAX_NAME_LENGTH = 200;

/**
 * Lax mode takes parameters of the model out of `extra`, so that they are checked and priced like any other. Errors and receipts name
 * them as the caller wrote them.
 */
export function liftParams(model: Model, input: PlanInput): PlanInput {
  const extra = optionsOf(input.extra);
  const lifted = Object.keys(extra ?? {}).filter((name) => isParam(model, name) && !isAsked(input, name));
  if (extra === undefined || lifted.length === 0) return input;
  const { n, ...params } = Object.fromEntries(lifted.map((name) => [name, extra[name]]));
  return {
    ...input,
    ...(n === undefined ? {} : { n }),
    params: { ...input.params, ...params },
    fieldNames: { ...input.fieldNames, ...Object.fromEntries(lifted.map((name) => [name, `extra.${name}`])) },
    extra: Object.fromEntries(Object.entries(extra).filter(([name]) => !lifted.includes(name))),
  };
}

/** Vendor options: those that the model lists, and, where the operator allows it, others that lax mode sends unchecked and unpriced. */
export function planExtra(draft: Draft): void {
  const { extra } = draft.input;
  if (extra === undefined || extra === null) return;
  const options = optionsOf(extra);
  if (options === undefined) {
    draft.reject('extra_key_unsupported', 'extra', `extra must be an object; it is ${show(extra)}.`);
    return;
  }
  const entries = Object.entries(options);
  if (entries.length > MAX_OPTIONS || entries.some(([key]) => key.length > MAX_NAME_LENGTH)) {
    draft.reject(
      'malformed_request',
      'extra',
      `extra may have at most ${MAX_OPTIONS} options with names of ${MAX_NAME_LENGTH} characters.`,
    );
    return;
  }
  for (const [key, value] of entries) planOption(draft, key, value);
}

function planOption(draft: Draft, key: string, value: unknown): void {
  const { model, strict } = draft;
  const param = `extra.${key}`;
  const place = placeOf(model, key);
  const send = (): void =>
    void Object.defineProperty(draft.extra, key, { value: value as Json, enumerable: true, configurable: true, writable: true });
  if (place !== undefined) {
    if (strict) draft.reject('extra_key_unsupported', param, `${param} is not accepted: ${place}.`, [key]);
    else draft.drop(param, value, isParam(model, key) ? `${key} was sent itself, which counts` : place);
  } else if (model.extra_allowlist.includes(key)) {
    draft.receipt.applied.push(param);
    send();
  } else if (strict) {
    const allowed = model.extra_allowlist;
    const list = allowed.length === 0 ? 'It takes none.' : `It takes: ${allowed.join(', ')}.`;
    draft.reject('extra_key_unsupported', param, `${model.id} does not take ${param}${didYouMean(key, allowed)}. ${list}`, allowed);
  } else if (model.extra_passthrough && !Object.hasOwn(PARAM_KINDS, key)) {
    draft.receipt.unverified.push({ param, reason: `sent as it is: the catalogue does not list it for ${model.id}` });
    send();
  } else draft.drop(param, value, `${model.id} does not list it among its options`);
}

/** Where a key belongs that is no vendor option. What a model lists as an option is one, unless it is a parameter of that model. */
function placeOf(model: Model, key: string): string | undefined {
  if (isParam(model, key)) return `it is a parameter of ${model.id}, to be sent as ${key}`;
  if (REQUEST_FIELDS.includes(key) && !model.extra_allowlist.includes(key)) return `${key} is a field of the request itself`;
  return undefined;
}

function isParam({ params }: Model, name: string): boolean {
  return Object.hasOwn(params, name);
}

function isAsked({ n, params }: PlanInput, name: string): boolean {
  const value = name === 'n' ? n : params[name];
  return value !== undefined && value !== null;
}

function optionsOf(extra: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof extra === 'object' && extra !== null && !Array.isArray(extra) ? (extra as Record<string, unknown>) : undefined;
}
