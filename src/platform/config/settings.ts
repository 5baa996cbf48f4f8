import { z } from 'zod';
import { configSchema } from './schema.js';

type Schema = z.core.JSONSchema.JSONSchema;

/** A key of `litegen.yaml` that has a value of its own. */
export interface Setting {
  /** Such as `server.port`. */
  readonly path: string;
  /** What it takes, in words. */
  readonly type: string;
  /** As JSON; undefined when there is none. */
  readonly default?: string;
  /** How many sections lie around the one that stands only where it is wanted, and then needs more than its defaults. */
  readonly optionalFrom?: number;
  /** What the schema itself says of it. */
  readonly description?: string;
}

/** Stands for a name of the operator's choice, such as a provider's, or of the catalogue. */
export const ANY_ID = '<id>';

function schema(): Schema {
  return z.toJSONSchema(configSchema, { io: 'output', unrepresentable: 'any' });
}

/** Every setting, in the order of the schema. */
export function listSettings(): Setting[] {
  return settingsOf(schema(), []);
}

function settingsOf(parent: Schema, path: readonly string[], optionalFrom?: number): Setting[] {
  return Object.entries(parent.properties ?? {}).flatMap(([key, child]) => {
    if (typeof child === 'boolean') return [];
    const own = [...path, key];
    if (child.type === 'object' && child.properties !== undefined) {
      return settingsOf(child, own, optionalFrom ?? (parent.required?.includes(key) === true ? undefined : path.length));
    }
    const { additionalProperties: member } = child;
    if (typeof member === 'object' && member.properties !== undefined)
      return settingsOf(member, [...own, ANY_ID], optionalFrom ?? own.length);
    return [
      {
        path: own.join('.'),
        type: typeOf(child),
        ...(child.default === undefined ? {} : { default: JSON.stringify(child.default) }),
        ...(optionalFrom === undefined ? {} : { optionalFrom }),
        ...(child.description === undefined ? {} : { description: child.description }),
      },
    ];
  });
}

/** The schema at a path of the settings, if there is such a key. */
function schemaAt(path: readonly PropertyKey[]): Schema | undefined {
  let node: Schema | undefined = schema();
  for (const key of path) {
    const next: unknown = typeof key === 'number' ? node?.items : (node?.properties?.[String(key)] ?? node?.additionalProperties);
    node = typeof next === 'object' && next !== null ? (next as Schema) : undefined;
  }
  return node;
}

/** What a setting takes, to follow "expected". */
export function expectedAt(path: readonly PropertyKey[]): string {
  const node = schemaAt(path);
  const type = node === undefined ? 'something else' : typeOf(node).replaceAll('`', '');
  if (node?.enum !== undefined) return `one of ${type}`;
  return /^(text|true or false|base64|something else)/.test(type) ? type : `a ${type}`;
}

/** Whether other keys stand under it. */
export function isSection(path: readonly PropertyKey[]): boolean {
  return schemaAt(path)?.type === 'object';
}

/** The keys that may stand at a path. */
export function keysAt(path: readonly PropertyKey[]): string[] {
  return Object.keys(schemaAt(path)?.properties ?? {});
}

function typeOf(node: Schema): string {
  if (node.enum !== undefined) return node.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (node.anyOf !== undefined) return node.anyOf.map((member) => (typeof member === 'boolean' ? 'text' : typeOf(member))).join(' or ');
  if (node.type === 'boolean') return '`true` or `false`';
  if (node.type === 'array') {
    const { items } = node;
    const entry = typeof items === 'object' && !Array.isArray(items) ? typeOf(items) : 'text';
    return entry === 'text' ? 'list' : `list, each entry a ${entry}`;
  }
  if (node.type === 'object') return 'mapping';
  if (node.type === 'integer' || node.type === 'number') return numberType(node);
  if (node.format === 'uri') return 'URL';
  if (node.contentEncoding === 'base64' || node.format === 'base64') return 'base64';
  return 'text';
}

function numberType({ type, minimum, maximum, exclusiveMinimum }: Schema): string {
  const noun = type === 'integer' ? 'whole number' : 'number';
  const least = bound(minimum);
  const above = bound(exclusiveMinimum);
  const most = bound(maximum);
  if (least !== undefined && most !== undefined) return `${noun}, ${least} to ${most}`;
  const lower = above !== undefined ? `above ${above}` : least !== undefined ? `at least ${least}` : undefined;
  return [noun, lower, most === undefined ? undefined : `at most ${most}`].filter(Boolean).join(', ');
}

/** Bounds that only say "a safe integer" say nothing. */
function bound(value: unknown): number | undefined {
  return typeof value === 'number' && Math.abs(value) !== Number.MAX_SAFE_INTEGER ? value : undefined;
}
