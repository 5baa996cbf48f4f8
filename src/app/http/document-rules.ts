import { STATUS_CODES } from 'node:http';
import type { OpenAPIObject } from '@nestjs/swagger';
import { failureDescription, OPEN_BODY } from '../../platform/common/index.js';
import { ALWAYS_ANSWERED } from './hooks.js';

/** What is served about the API. */
export interface ApiDocumentation {
  readonly document: OpenAPIObject;
  /** The HTML of `/docs`, and of `/docs/`, from where the page’s files have other relative addresses. */
  readonly page: string;
  readonly folderPage: string;
  /** The page’s script before and after the document that it holds. */
  readonly script: readonly [string, string];
}

interface Schema {
  $ref?: string;
  required?: readonly string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: readonly Schema[];
  oneOf?: readonly Schema[];
  additionalProperties?: unknown;
  [OPEN_BODY]?: true;
}

type Content = Record<string, { schema?: Schema }>;

interface Response {
  $ref?: string;
  description?: string;
  headers?: Record<string, unknown>;
  content?: Content;
}

interface Operation {
  'x-required-scope'?: string;
  requestBody?: { required?: boolean; content: Content };
  responses: Record<string, Response>;
}

const SCHEMAS = '#/components/schemas/';
const FAILURE: Schema = { $ref: `${SCHEMAS}ErrorResponse` };
const JSON_TYPE = 'application/json';

/** Failures of what comes before a route: the parser, the request line, the places of the process and whatever nobody foresaw. */
const OF_ALL = [400, 408, 414, 417, 431, 500];
const OF_PLACES = [503];
/** The key is wrong, lacks the scope or came too often. */
const OF_KEYED = [401, 403, 429];
const OF_BODIES = [413, 415];
/** Those after which a client may be told when to come again. */
const RETRIABLE = new Set([409, 429, 503]);

const HEADERS = {
  RequestId: { description: 'Names the request in the logs.', required: true, schema: { type: 'string' } },
  ShouldRetry: {
    description: 'Whether the same request may succeed another time; OpenAI’s SDKs heed it.',
    required: true,
    schema: { type: 'string', enum: ['true', 'false'] },
  },
  RetryAfter: { description: 'Seconds.', schema: { type: 'integer', minimum: 1 } },
  RateLimit: { description: 'Requests per minute, where the key or its application has a limit.', schema: { type: 'integer' } },
  RateLimitRemaining: { description: 'How many are left.', schema: { type: 'integer', minimum: 0 } },
  RateLimitReset: { description: 'When they are counted anew, Unix seconds.', schema: { type: 'integer' } },
} as const;

const header = (name: keyof typeof HEADERS) => ({ $ref: `#/components/headers/${name}` });
const REQUEST_ID = { 'x-request-id': header('RequestId') };
const RATE_LIMIT = {
  'x-ratelimit-limit': header('RateLimit'),
  'x-ratelimit-remaining': header('RateLimitRemaining'),
  'x-ratelimit-reset': header('RateLimitReset'),
};

/** Adds what holds for routes of a kind, and so is written at none of them: which failures come before a route, what bodies may hold. */
export function completeDocument(document: OpenAPIObject): OpenAPIObject {
  const schemas = (document.components?.schemas ?? {}) as Record<string, Schema>;
  const failures = new Map<number, Response>();
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations as Record<string, Operation>)) {
      describeBody(operation, schemas);
      for (const status of failuresBefore(path, method, operation)) addFailure(operation, status);
      operation.responses = Object.fromEntries(
        Object.entries(operation.responses).map(([status, response]) => [
          status,
          isFailure(response) ? sharedFailure(Number(status), failures) : withHeaders(response, operation),
        ]),
      );
    }
  }
  for (const schema of Object.values(schemas)) delete schema[OPEN_BODY];
  const byStatus = [...failures].sort(([left], [right]) => left - right);
  const responses = Object.fromEntries(byStatus.map(([status, response]) => [nameOf(status), response]));
  return { ...document, components: { ...document.components, responses, headers: HEADERS } as never };
}

/**
 * What the validation pipe checks may hold nothing else, and may be absent where nothing in it must be there. What a model decides about is
 * open, but the objects in it are not.
 */
function describeBody({ requestBody }: Operation, schemas: Record<string, Schema>): void {
  const name = schemaName(requestBody?.content[JSON_TYPE]?.schema);
  const schema = name === undefined ? undefined : schemas[name];
  if (requestBody === undefined || schema === undefined) return;
  if (schema[OPEN_BODY]) closeWithin(schema, schemas);
  else {
    close(schema, schemas);
    requestBody.required = (schema.required ?? []).length > 0;
  }
}

function close(schema: Schema, schemas: Record<string, Schema>): void {
  if (schema.properties === undefined || schema.additionalProperties !== undefined) return;
  schema.additionalProperties = false;
  closeWithin(schema, schemas);
}

function closeWithin({ properties = {} }: Schema, schemas: Record<string, Schema>): void {
  for (const name of Object.values(properties).flatMap(namesIn)) {
    const member = schemas[name];
    if (member !== undefined && !member[OPEN_BODY]) close(member, schemas);
  }
}

/** The schemas that one refers to, itself or as what its entries or alternatives are. */
function namesIn(schema: Schema): string[] {
  const own = schemaName(schema);
  const parts = [...(schema.items === undefined ? [] : [schema.items]), ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  return [...(own === undefined ? [] : [own]), ...parts.flatMap(namesIn)];
}

function schemaName(schema: Schema | undefined): string | undefined {
  return schema?.$ref?.startsWith(SCHEMAS) ? schema.$ref.slice(SCHEMAS.length) : undefined;
}

function failuresBefore(path: string, method: string, operation: Operation): number[] {
  return [
    ...OF_ALL,
    ...(ALWAYS_ANSWERED.test(path) ? [] : OF_PLACES),
    ...(operation['x-required-scope'] === undefined ? [] : OF_KEYED),
    ...(method === 'get' ? [] : OF_BODIES),
  ];
}

/** Where the route answers something of its own with the status, it is one or the other. */
function addFailure({ responses }: Operation, status: number): void {
  const own = responses[status];
  const content = own?.content?.[JSON_TYPE];
  if (own === undefined) responses[status] = { content: { [JSON_TYPE]: { schema: FAILURE } } };
  else if (content?.schema !== undefined && !isFailure(own)) content.schema = { anyOf: [content.schema, FAILURE] };
}

function isFailure({ content }: Response): boolean {
  return Object.values(content ?? {}).some(({ schema }) => schema?.$ref === FAILURE.$ref);
}

function sharedFailure(status: number, failures: Map<number, Response>): Response {
  failures.set(status, {
    description: failureDescription(status),
    headers: {
      ...REQUEST_ID,
      'x-should-retry': header('ShouldRetry'),
      ...(RETRIABLE.has(status) ? { 'retry-after': header('RetryAfter') } : {}),
      ...(status === 429 ? RATE_LIMIT : {}),
    },
    content: { [JSON_TYPE]: { schema: FAILURE } },
  });
  return { $ref: `#/components/responses/${nameOf(status)}` };
}

function withHeaders(response: Response, operation: Operation): Response {
  const limits = operation['x-required-scope'] === undefined ? {} : RATE_LIMIT;
  return { ...response, headers: { ...REQUEST_ID, ...limits, ...response.headers } };
}

/** `429` as `TooManyRequests`. */
function nameOf(status: number): string {
  return (STATUS_CODES[status] ?? String(status)).replace(/[^A-Za-z]/g, '');
}
