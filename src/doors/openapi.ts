import { applyDecorators, type Type } from '@nestjs/common';
import { ApiHeader, type ApiOperationOptions, getSchemaPath } from '@nestjs/swagger';

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
  );
}
