import { applyDecorators, type Type } from '@nestjs/common';
import { ApiHeader, type ApiOperationOptions, getSchemaPath } from '@nestjs/swagger';
import { MAX_CACHE_TTL_SECONDS } from '../config/index.js';

/** A body as the API's document describes it. */
export type RequestBody = NonNullable<ApiOperationOptions['requestBody']>;

type Schema = Readonly<Record<string, unknown>>;

/** OpenAI's form: each field a part, files among them; the fields of the JSON body are taken as well. */
export function formSchema(
  fields: Schema,
  files: Schema,
): { type: 'object'; title: string; properties: Record<string, never>; required: string[] } {
  return { type: 'object', title: 'Fields and files', properties: { ...fields, ...files } as Record<string, never>, required: ['model'] };
}

/** LiteGen's form: the whole request as JSON in one part, and files that it names by their parts. */
export function documentForm(dto: Type<unknown>): {
  type: 'object';
  title: string;
  properties: Record<string, { $ref: string }>;
  required: string[];
  additionalProperties: { type: 'string'; format: string };
} {
  return {
    type: 'object',
    title: 'A JSON document with files',
    properties: { request: { $ref: getSchemaPath(dto) } },
    required: ['request'],
    additionalProperties: { type: 'string', format: 'binary' },
  };
}

/** Request headers that the doors heed. */
export function ApiGenerationHeaders(): MethodDecorator {
  return applyDecorators(
    ApiHeader({
      name: 'prefer',
      required: false,
      description: '`respond-async`: answer at once. `wait=N`: answer after N seconds at the latest (RFC 7240).',
      schema: { type: 'string' },
      example: 'wait=30',
    }),
    ApiHeader({
      name: 'x-litegen-strict',
      required: false,
      description: '`strict` for requests that do not say it themselves.',
      schema: { type: 'boolean', default: true },
    }),
    ApiHeader({
      name: 'x-litegen-quote',
      required: false,
      description: 'The `id` of a quote from `POST /v1/quote`: its price is held and billed, or the request is refused.',
      schema: { type: 'string' },
    }),
    ApiHeader({
      name: 'x-litegen-cache-ttl',
      required: false,
      description:
        'Uses the cache, where the gateway has one: an earlier result of the same request is given again, and this one’s may be for so ' +
        'many seconds. 0: not. The answer’s `X-Litegen-Cache` is `hit`, `miss` or `bypass`; a hit has an `Age`.',
      schema: { type: 'integer', minimum: 0, maximum: MAX_CACHE_TTL_SECONDS },
    }),
    ApiHeader({
      name: 'cache-control',
      required: false,
      description:
        '`no-store`: neither from the cache nor into it. `no-cache`: a new result, which replaces the old one. `max-age=N`: none older.',
      schema: { type: 'string' },
    }),
  );
}
