import type { Json } from '@litegen/plugin-sdk';
import { didYouMean } from '../../../platform/common/index.js';
import type { Model } from '../model.js';
import { PARAM_KINDS } from '../schema/index.js';
import type { Draft } from './draft.js';
import type { PlanInput } from './plan.types.js';
import { show } from './scalar.policy.js';

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
