import { ApiError, forbiddenName, inexactInteger, isExactInteger, parseBounded, problemIn } from '../../platform/common/index.js';
import { alternativesOf, type JsonSchema, type Schemas, typesOf } from './json-schema.js';

const MAX_DEPTH = 8;
const MAX_INDEX = 1000;

/** A list in the making: values by index, those without one at the end. */
class ListDraft {
  private readonly byIndex = new Map<number, unknown>();
  private next = 0;

  get(index: number | undefined): unknown {
    return index === undefined ? undefined : this.byIndex.get(index);
  }

  set(index: number | undefined, value: unknown): void {
    const position = index ?? this.next;
    this.byIndex.set(position, value);
    this.next = Math.max(this.next, position + 1);
  }

  toArray(): unknown[] {
    return [...this.byIndex.entries()].sort(([left], [right]) => left - right).map(([, value]) => value);
  }
}

type Node = Map<string, unknown> | ListDraft;

/** `images[0][image_url]` as `['images', '0', 'image_url']`; a name that is not of this form is one segment. */
export function fieldPath(name: string): string[] {
  const match = /^([^[\]]+)((?:\[[^[\]]*\])*)$/.exec(name);
  if (match === null) return [name];
  const [, first = '', rest = ''] = match;
  return [first, ...[...rest.matchAll(/\[([^[\]]*)\]/g)].map(([, segment = '']) => segment)];
}

/** Gathers the text fields of a form: `a`, `a[b]`, `a[]`, `a[0]`, and repeated names as lists. Empty text is an absent field. */
export class FormFields {
  private readonly root = new Map<string, unknown>();

  /** @throws ApiError `malformed_multipart` for a name that nests too deep or means two things at once, `param_unsupported` for `__proto__` */
  add(name: string, value: string): void {
    if (value === '') return;
    const path = fieldPath(name);
    if (path.includes('__proto__')) throw forbiddenName([name]);
    if (path.length > MAX_DEPTH) throw badField(name);
    place(this.root, path, value, name);
  }

  toObject(): Record<string, unknown> {
    return toPlain(this.root) as Record<string, unknown>;
  }
}

function place(node: Node, path: readonly string[], value: string, name: string): void {
  const [segment = '', ...rest] = path;
  const index = node instanceof ListDraft && segment !== '' ? Number(segment) : undefined;
  if (index !== undefined && index > MAX_INDEX) throw badField(name);
  const present = node instanceof ListDraft ? node.get(index) : node.get(segment);
  let next: unknown;
  if (rest.length > 0) {
    const list = rest[0] === '' || /^\d+$/.test(rest[0] ?? '');
    const container = present ?? (list ? new ListDraft() : new Map<string, unknown>());
    if (container instanceof ListDraft ? !list : !(container instanceof Map)) throw badField(name);
    place(container as Node, rest, value, name);
    next = container;
  } else if (present === undefined) {
    next = value;
  } else {
    // The same name again: a list.
    next = present instanceof ListDraft ? present : new ListDraft();
    if (next !== present) (next as ListDraft).set(undefined, present);
    (next as ListDraft).set(undefined, value);
  }
  if (node instanceof ListDraft) node.set(index, next);
  else node.set(segment, next);
}

function badField(name: string): ApiError {
  return new ApiError('malformed_multipart', `The field name ${name.slice(0, 100)} cannot be read.`, { param: name.slice(0, 100) });
}

function toPlain(value: unknown): unknown {
  if (value instanceof ListDraft) return value.toArray().map(toPlain);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, member]) => [key, toPlain(member)]));
  return value;
}

/** Longer ones are cut in messages. */
const LONGEST_SHOWN_NUMBER = 80;
/** Python's spelling too. */
const FLAG = /^(true|false)$/i;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * Turns a form's texts into what the schema asks for: numbers, flags, lists and objects, the two latter also from JSON text.
 * Text that does not fit stays text, so that the check names it.
 * @param path the field's, for the error
 * @throws ApiError `param_out_of_range` for a whole number that would not be kept exactly
 */
export function coerceFormValue(value: unknown, schema: JsonSchema | undefined, schemas: Schemas, path: readonly string[]): unknown {
  const alternatives = schema === undefined ? [] : alternativesOf(schema, schemas);
  if (alternatives.length === 0) return coerceFreely(value);
  if (typeof value === 'string') return coerceText(value, alternatives, schemas, path);
  if (Array.isArray(value)) {
    const items = alternatives.find(({ items }) => items !== undefined)?.items;
    return value.map((member, index) => coerceFormValue(member, items, schemas, [...path, `[${index}]`]));
  }
  const object = alternatives.find((one) => typesOf(one).includes('object'));
  return Object.fromEntries(
    Object.entries(value as Record<string, unknown>).map(([key, member]) => [
      key,
      coerceFormValue(member, object?.properties?.[key], schemas, [...path, `.${key}`]),
    ]),
  );
}

function coerceText(text: string, alternatives: readonly JsonSchema[], schemas: Schemas, path: readonly string[]): unknown {
  const types = new Set(alternatives.flatMap(typesOf));
  if ((types.has('object') || types.has('array')) && /^\s*[[{]/.test(text)) {
    const parsed = parseJson(text, path);
    if (parsed !== undefined) return parsed;
  }
  if (types.has('string')) return text;
  if ((types.has('integer') || types.has('number')) && NUMBER.test(text)) {
    if (/^-?\d+$/.test(text) && !isExactInteger(text)) throw inexactInteger(path, text.slice(0, LONGEST_SHOWN_NUMBER));
    return Number(text);
  }
  if (types.has('boolean')) {
    if (text === '1' || text === '0') return text === '1';
    if (FLAG.test(text)) return text.toLowerCase() === 'true';
  }
  const list = alternatives.find((one) => typesOf(one).includes('array'));
  return list === undefined ? text : [coerceFormValue(text, list.items, schemas, [...path, '[0]'])];
}

/** Where any value is taken, text that spells a number or a flag is one. */
function coerceFreely(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(coerceFreely);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, coerceFreely(member)]));
  }
  if (typeof value !== 'string') return value;
  if (FLAG.test(value)) return value.toLowerCase() === 'true';
  return NUMBER.test(value) && value.length <= 15 ? Number(value) : value;
}

/** Undefined for what is no JSON. @throws ApiError for JSON that is too deep or of too many values, and for integers as above */
function parseJson(text: string, path: readonly string[]): unknown {
  try {
    const value = parseBounded(text);
    const problem = problemIn(value, { texts: false, source: text }, [...path]);
    if (problem !== undefined) throw problem;
    return value;
  } catch (error) {
    if ((error as ApiError).details?.cause instanceof SyntaxError) return undefined;
    throw error;
  }
}
