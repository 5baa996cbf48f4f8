import type { Json, JsonObject } from '../../json.js';

/** Where a part of a JSON document stands, from the outside in. */
export type Path = readonly (string | number)[];

/** Every part of a document; of long lists the first entries. */
export function pathsOf(value: Json, at: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [at];
  const entries = Array.isArray(value) ? value.slice(0, 2).map((item, index) => [index, item] as const) : Object.entries(value);
  return [at, ...entries.flatMap(([key, item]) => pathsOf(item, [...at, key]))];
}

/** The document with another part at that place, or without it. */
export function replaced(value: Json, path: Path, by: Json | undefined): Json | undefined {
  const [key, ...rest] = path;
  if (key === undefined) return by;
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => {
      const kept = index === key ? replaced(item, rest, by) : item;
      return kept === undefined ? [] : [kept];
    });
  }
  const copy: JsonObject = { ...(value as JsonObject) };
  const inner = replaced(copy[key] ?? null, rest, by);
  if (inner === undefined) delete copy[key];
  else copy[key] = inner;
  return copy;
}

/** The part at a place. */
export function partAt(value: Json, path: Path): Json | undefined {
  return path.reduce<Json | undefined>((part, key) => (part as Record<string | number, Json> | null | undefined)?.[key], value);
}

/** Undefined when a body is not JSON. */
export function jsonOf(body: Buffer | undefined): Json | undefined {
  try {
    return body === undefined ? undefined : (JSON.parse(body.toString('utf8')) as Json);
  } catch {
    return undefined;
  }
}
