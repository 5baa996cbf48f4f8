/** The part of JSON Schema 2020-12 that the API's document uses. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly 'x-max-bytes'?: number;
}

/** Of a schema: how many bytes a value may have as JSON. JSON Schema has nothing of the kind for objects. */
export const MAX_BYTES_KEYWORD = 'x-max-bytes';

export type Schemas = Readonly<Record<string, JsonSchema>>;

const REF_PREFIX = '#/components/schemas/';

/** The schema itself and, for a reference or a combination, those behind it, without further references. */
export function alternativesOf(schema: JsonSchema, schemas: Schemas): JsonSchema[] {
  if (schema.$ref !== undefined) {
    const target = schemas[schema.$ref.slice(REF_PREFIX.length)];
    return target === undefined ? [] : alternativesOf(target, schemas);
  }
  const members = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  return members === undefined ? [schema] : members.flatMap((member) => alternativesOf(member, schemas));
}

export function typesOf(schema: JsonSchema): readonly string[] {
  return [schema.type ?? []].flat();
}

const NOUNS: Readonly<Record<string, string>> = {
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
};

/** What a schema takes, in words: `a whole number from 1 to 10`, `text or a list`. */
export function describeSchema(schema: JsonSchema, schemas: Schemas): string {
  const words = alternativesOf(schema, schemas).flatMap((member) => {
    if (member.enum !== undefined) return [`one of ${member.enum.filter((value) => value !== null).join(', ')}`];
    return typesOf(member)
      .filter((type) => type !== 'null')
      .map((type) => (type === 'integer' || type === 'number' ? describeNumber(type, member) : (NOUNS[type] ?? type)));
  });
  return [...new Set(words)].join(' or ') || 'something else';
}

function describeNumber(type: 'integer' | 'number', { minimum, maximum }: JsonSchema): string {
  const noun = type === 'integer' ? 'a whole number' : 'a number';
  if (minimum !== undefined && maximum !== undefined) return `${noun} from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return `${noun} from ${minimum}`;
  return maximum === undefined ? noun : `${noun} up to ${maximum}`;
}
