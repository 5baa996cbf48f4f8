import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { buildOpenApi } from '../../src/app/http/openapi-generation.js';

/** As much of a schema as tests look at. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly maxLength?: number;
  readonly 'x-max-bytes'?: number;
  readonly additionalProperties?: unknown;
  readonly enum?: readonly unknown[];
  readonly example?: unknown;
  readonly description?: string;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
}

export interface Operation {
  readonly id: string;
  readonly method: string;
  /** With `{id}` in it. */
  readonly path: string;
  /** Of the JSON body, where there is one. */
  readonly body?: Schema;
  readonly query: readonly { readonly name: string; readonly schema: Schema }[];
}

interface Described {
  readonly operationId: string;
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema?: Schema }[];
}

/** The API as its own document describes it. */
export class Document {
  readonly operations: readonly Operation[];
  private readonly schemas: Readonly<Record<string, Schema>>;

  constructor(app: NestFastifyApplication) {
    const { paths, components } = buildOpenApi(app);
    this.schemas = components?.schemas as Readonly<Record<string, Schema>>;
    this.operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods as Readonly<Record<string, Described>>).map(([method, { operationId, requestBody, parameters = [] }]) => ({
        id: operationId,
        method: method.toUpperCase(),
        path,
        ...(requestBody === undefined ? {} : { body: requestBody.content['application/json']?.schema }),
        query: parameters.flatMap(({ in: place, name, schema = {} }) => (place === 'query' ? [{ name, schema }] : [])),
      })),
    );
  }

  /** All that a schema allows, without references and combinations. */
  alternatives(schema: Schema): readonly Schema[] {
    if (schema.$ref !== undefined) return this.alternatives(this.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {});
    const members = schema.anyOf ?? schema.oneOf ?? schema.allOf;
    return members === undefined ? [schema] : members.flatMap((member) => this.alternatives(member));
  }

  types(schema: Schema): ReadonlySet<string> {
    return new Set(this.alternatives(schema).flatMap(({ type }) => type ?? []));
  }

  properties(schema: Schema): readonly (readonly [string, Schema])[] {
    return this.alternatives(schema).flatMap(({ properties }) => Object.entries(properties ?? {}));
  }

  private sample(key: string, schema: Schema): [string, unknown][] {
    const [value] = this.alternatives(schema).flatMap(({ example, enum: words }) => example ?? words?.[0] ?? []);
    return value === undefined ? [] : [[key, value]];
  }

  /** Every field of a body, those within others and within lists included, with how to set it in a body. */
  fields(schema: Schema, path = '', within: (value: unknown) => object = (value) => value as object): Field[] {
    return this.properties(schema).flatMap(([name, field]) => {
      const place = path === '' ? name : `${path}.${name}`;
      const put = (value: unknown): object => within({ [name]: value });
      const items = this.alternatives(field).find(({ items }) => items !== undefined)?.items;
      const beside = (inner: Schema): object => Object.fromEntries(this.properties(inner).flatMap(([key, one]) => this.sample(key, one)));
      const below =
        items === undefined
          ? this.fields(field, place, (value) => put({ ...beside(field), ...(value as object) }))
          : this.fields(items, `${place}[0]`, (value) => put([{ ...beside(items), ...(value as object) }]));
      return [{ path: place, schema: field, put }, ...below];
    });
  }
}

export interface Field {
  /** As errors name it: `reference_images[0].role`. */
  readonly path: string;
  readonly schema: Schema;
  /** A body with nothing but this field, and what has to stand beside it. */
  put(value: unknown): object;
}
