import { Injectable } from '@nestjs/common';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import type { FastifyRequest } from 'fastify';
import { ApiError, parseJson, problemIn } from '../../platform/common/index.js';
import { deploymentOf } from './command.js';
import { DOCUMENT_PART, FormReader, type IntakeOptions } from './form-reader.service.js';
import { coerceFormValue } from './form-values.js';
import { type JsonSchema, MAX_BYTES_KEYWORD, type Schemas } from './json-schema.js';
import type { IntakeFile } from './references.service.js';
import { schemaError } from './schema-error.js';

/** An OpenAPI document, as far as bodies need it. */
export interface SchemaDocument {
  readonly components?: { readonly schemas?: Readonly<Record<string, unknown>> };
}

/** A body that holds what its schema says. */
export interface CheckedBody<T> {
  readonly fields: T;
  /** Top-level keys that the schema does not know. */
  readonly unknown: Readonly<Record<string, unknown>>;
}

interface CompiledSchema {
  readonly validate: ValidateFunction;
  readonly properties: Readonly<Record<string, JsonSchema>>;
}

const DOCUMENT_ID = 'litegen';

function fitsBytes(most: number, value: unknown): boolean {
  // Of megabytes it is plain without writing them all out.
  return leastBytes(value, most) <= most && Buffer.byteLength(JSON.stringify(value)) <= most;
}

/** Not more than the value takes as JSON; counted no further than over `most`. */
function leastBytes(value: unknown, most: number): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 1;
  let bytes = 2;
  for (const key in value) {
    bytes += (Array.isArray(value) ? 1 : key.length) + leastBytes((value as Readonly<Record<string, unknown>>)[key], most);
    if (bytes > most) return bytes;
  }
  return bytes;
}

/**
 * Checks bodies by the schemas of the API's own document, so that what is documented and what is enforced are one thing (the DTO
 * classes). Compiled once, at the first use.
 */
@Injectable()
export class SchemaValidator {
  private document: (() => SchemaDocument) | undefined;
  private readonly compiled = new Map<string, CompiledSchema>();
  private ajv: Ajv2020 | undefined;
  private schemas: Schemas = {};

  /** @param document asked once, when the first body comes */
  useDocument(document: () => SchemaDocument): void {
    this.document = document;
    this.ajv = undefined;
    this.compiled.clear();
  }

  /**
   * A top-level `null` counts as an absent field.
   * @param options.form the body came as a form: its texts are turned into what the schema asks for
   * @throws ApiError `malformed_request` when it is no object, else for the first field that is wrong: `param_invalid_type`,
   * `param_enum_mismatch`, `param_out_of_range`, `param_too_long`, `param_unsupported`, `param_invalid_text`, `model_required`, `prompt_required`
   */
  check<T extends object>(schemaName: string, body: unknown, options: { readonly form?: boolean } = {}): CheckedBody<T> {
    if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      throw new ApiError('malformed_request', `The body must be a JSON object${body === undefined ? '; it is empty' : ''}.`);
    }
    const { validate, properties } = this.schema(schemaName);
    const fields: Record<string, unknown> = {};
    const unknown: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(body)) {
      if (value === null || value === undefined) continue;
      if (Object.hasOwn(properties, key))
        fields[key] = options.form === true ? coerceFormValue(value, properties[key], this.schemas, [key]) : value;
      else Object.defineProperty(unknown, key, { value, enumerable: true, configurable: true, writable: true });
    }
    const problem = options.form === true ? (problemIn(fields, { texts: true }) ?? problemIn(unknown, { texts: true })) : undefined;
    if (problem !== undefined) throw problem;
    if (!validate(fields)) throw schemaError((validate.errors ?? []) as ErrorObject[], this.schemas);
    return { fields: fields as T, unknown };
  }

  private schema(name: string): CompiledSchema {
    const known = this.compiled.get(name);
    if (known !== undefined) return known;
    const ajv = this.ajv ?? this.prepare();
    const properties = this.schemas[name]?.properties;
    if (properties === undefined) throw new Error(`The API's document has no object schema ${name}`);
    const compiled = { validate: ajv.compile({ $ref: `${DOCUMENT_ID}#/components/schemas/${name}` }), properties };
    this.compiled.set(name, compiled);
    return compiled;
  }

  private prepare(): Ajv2020 {
    if (this.document === undefined) throw new Error('SchemaValidator.useDocument was not called');
    const schemas = this.document().components?.schemas ?? {};
    this.schemas = schemas as Schemas;
    // `verbose` hands the failing schema to the message. Keywords of OpenAPI (`example`) and formats mean nothing here.
    this.ajv = new Ajv2020({ strict: false, verbose: true, validateFormats: false });
    this.ajv.addKeyword({ keyword: MAX_BYTES_KEYWORD, validate: fitsBytes, errors: false });
    this.ajv.addSchema({ $id: DOCUMENT_ID, components: { schemas } });
    return this.ajv;
  }
}

/** What a request brought along. */
export interface Intake<T> extends CheckedBody<T> {
  /** Files of a form, in the order of their arrival. Whoever takes them keeps or discards them. */
  readonly files: readonly IntakeFile[];
}

/** Reads request bodies: JSON, OpenAI's forms, and LiteGen's form of a JSON document with files. */
@Injectable()
export class BodyReader {
  constructor(
    private readonly validator: SchemaValidator,
    private readonly forms: FormReader,
  ) {}

  /**
   * @param schemaName the schema of the API's document that the fields must fit
   * @throws ApiError those of {@link SchemaValidator.check} and {@link FormReader.read}
   */
  async read<T extends object>(request: FastifyRequest, schemaName: string, options: IntakeOptions): Promise<Intake<T>> {
    const deployment = deploymentOf(request);
    if (!request.isMultipart()) return this.check(schemaName, withModel(request.body, deployment));
    return this.forms.read(
      request,
      options,
      ({ fields, files, document }) => {
        if (document === undefined) {
          return { ...this.validator.check<T>(schemaName, withModel(fields.toObject(), deployment), { form: true }), files };
        }
        const checked = this.validator.check<T>(schemaName, withModel(parseJson(document, DOCUMENT_PART), deployment));
        // Beside a document, a text part can only be meant for something that it does not name.
        return { fields: checked.fields, unknown: { ...checked.unknown, ...fields.toObject() }, files };
      },
      deployment,
    );
  }

  /** A JSON body that is here already. @throws ApiError as {@link SchemaValidator.check} */
  check<T extends object>(schemaName: string, body: unknown): Intake<T> {
    return { ...this.validator.check<T>(schemaName, body), files: [] };
  }
}

/** The model that the path names counts, as at Azure. What is no object is refused as such. */
function withModel(body: unknown, deployment: string | undefined): unknown {
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  return deployment !== undefined && isObject ? { ...body, model: deployment } : body;
}
