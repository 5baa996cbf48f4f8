import { applyDecorators, type Type } from '@nestjs/common';
import { GENERATION_HEADERS, IDEMPOTENCY_KEY } from '../../engine/generations/index.js';
import { ApiErrors, type ResponseHeaders } from '../../platform/common/index.js';
import { MAX_CACHE_TTL_SECONDS } from '../../platform/config/index.js';
import { ApiExtraModels, ApiHeader, type ApiOperationOptions, ApiQuery, ApiResponse, getSchemaPath } from '../../platform/openapi/index.js';
import { CostEstimate } from './dto/cost-estimate.dto.js';

/** A body as the API's document describes it. */
export type RequestBody = NonNullable<ApiOperationOptions['requestBody']>;

type Schema = Readonly<Record<string, unknown>>;

const FILE_TYPES = 'image/png, image/jpeg, image/webp, application/octet-stream';
/** In a form. */
export const FORM_FLAG = { anyOf: [{ type: 'boolean' }, { type: 'integer', enum: [0, 1] }] };
const FORM_FILE = { type: 'string', format: 'binary' } as const;

/**
 * The two forms of a request. OpenAI's: each field a part, files among them; the fields of the JSON body are taken as well. LiteGen's:
 * the whole request as JSON in one part, and files that it names by their parts.
 * @param files names of the parts for files, and what they are
 */
export function formBodies(dto: Type<unknown>, fields: Schema, files: Readonly<Record<string, { description: string; several?: true }>>) {
  const parts = Object.entries(files).map(([name, { description, several }]) => [
    name,
    several ? { type: 'array', items: FORM_FILE, description } : { ...FORM_FILE, description },
  ]);
  const schema = {
    anyOf: [
      {
        type: 'object',
        title: 'Fields and files',
        properties: { ...fields, ...(Object.fromEntries(parts) as Schema) } as Record<string, never>,
        required: ['model'],
      },
      {
        type: 'object',
        title: 'A JSON document with files',
        properties: { request: { $ref: getSchemaPath(dto) } },
        required: ['request'],
        additionalProperties: FORM_FILE,
      },
    ],
  };
  // Without a type or a name, a part is text.
  const encoding = Object.fromEntries(Object.keys(files).map((name) => [name, { contentType: FILE_TYPES }]));
  return { schema, encoding: { ...encoding, request: { contentType: 'application/json' } } };
}

const TEXT = { type: 'string' } as const;

/** Headers that tell about the model and its request, also where nothing was generated. */
const PLAN_HEADERS: ResponseHeaders = {
  'x-litegen-dropped-params': { description: 'What was left out, separated by commas (lax mode).', schema: TEXT },
  deprecation: { description: 'Since when the model is deprecated.', schema: TEXT },
  sunset: { description: 'When the model ends.', schema: TEXT },
  link: { description: 'Its successor, and where its end is announced.', schema: TEXT },
  'x-litegen-successor': { description: 'What to use instead.', schema: TEXT },
};

const CREATED_HEADERS: ResponseHeaders = {
  ...GENERATION_HEADERS,
  ...PLAN_HEADERS,
  'x-litegen-cache': { description: 'What the cache did.', schema: { type: 'string', enum: ['hit', 'miss', 'bypass'] } },
  age: { description: 'Of a hit of the cache: seconds since it was made.', schema: { type: 'integer', minimum: 0 } },
  'preference-applied': { description: 'Which preference was heeded.', schema: TEXT },
  'idempotent-replayed': { description: 'The answer to an earlier request, given again.', schema: { type: 'string', enum: ['true'] } },
};

export const POLL_AFTER: ResponseHeaders = {
  'openai-poll-after-ms': { description: 'When it is worth asking again.', schema: { type: 'integer' } },
};

const LOCATION: ResponseHeaders = { location: { description: 'Where to look for it.', schema: TEXT } };

interface GenerationAnswers {
  /** What the generation answers with. */
  readonly answer: Type<unknown>;
  readonly description: string;
  /** What is answered while it runs. */
  readonly pending: { readonly type: Type<unknown>; readonly description: string };
  /** Schema of the data of the events, where it can be streamed. */
  readonly events?: readonly Type<unknown>[];
}

/** How requests that generate something are answered, one that only asks for the price among them. */
export function ApiGenerationAnswers({ answer, description, pending, events }: GenerationAnswers): MethodDecorator {
  const headers = { ...CREATED_HEADERS, ...LOCATION, ...POLL_AFTER };
  return applyDecorators(
    ApiExtraModels(answer, CostEstimate, ...(events ?? [])),
    ApiQuery({
      name: 'dryRun',
      required: false,
      type: Boolean,
      description: 'True: answers a CostEstimate, the price and the receipt; nothing is generated.',
    }),
    ApiResponse({
      status: 200,
      description: `${description} With \`dryRun\` a CostEstimate instead.`,
      headers,
      content: {
        'application/json': { schema: { oneOf: [answer, CostEstimate].map((type) => ({ $ref: getSchemaPath(type) })) } },
        ...(events === undefined ? {} : { 'text/event-stream': { schema: eventSchema(events) } }),
      },
    }),
    ApiResponse({ status: 202, ...pending, headers }),
    ApiErrors(402, 404, 409, 422, 424, 502, 504),
  );
}

/** How requests that only ask for the price are answered. */
export function ApiEstimateAnswers(): MethodDecorator {
  return applyDecorators(
    ApiResponse({ status: 200, type: CostEstimate, description: 'The price.', headers: PLAN_HEADERS }),
    ApiErrors(404, 424),
  );
}

/** One of the server-sent events of a stream, whose data is JSON. @param types of the data */
export function eventSchema(types: readonly Type<unknown>[]): object {
  return {
    type: 'object',
    title: 'A server-sent event',
    properties: {
      id: TEXT,
      event: { ...TEXT, description: 'The `type` of the data.' },
      data: {
        ...TEXT,
        contentMediaType: 'application/json',
        contentSchema: { oneOf: types.map((type) => ({ $ref: getSchemaPath(type) })) },
      },
    },
    required: ['event', 'data'],
  };
}

/** Request headers that these APIs heed. */
export function ApiGenerationHeaders(): MethodDecorator {
  return applyDecorators(
    ApiHeader({
      name: 'idempotency-key',
      required: false,
      description: 'A repetition of the request with the same key gets the answer of the first; another request with it gets 422.',
      schema: IDEMPOTENCY_KEY,
    }),
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
      description: '`strict` for requests that do not say it themselves. Default: as the API key has it.',
      schema: { type: 'boolean' },
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
