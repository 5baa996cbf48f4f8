import type { ErrorObject } from 'ajv/dist/2020.js';
import { ApiError, type ErrorCode } from '../../platform/common/index.js';
import { describeSchema, type JsonSchema, MAX_BYTES_KEYWORD, type Schemas } from './json-schema.js';

const CODES = {
  enum: 'param_enum_mismatch',
  minimum: 'param_out_of_range',
  maximum: 'param_out_of_range',
  minLength: 'param_out_of_range',
  minItems: 'param_out_of_range',
  maxItems: 'param_out_of_range',
  maxLength: 'param_too_long',
  pattern: 'param_pattern_mismatch',
  additionalProperties: 'param_unsupported',
} as const satisfies Readonly<Record<string, ErrorCode>>;

/** What a missing field is called. */
const REQUIRED_CODES: Readonly<Record<string, ErrorCode>> = { model: 'model_required', prompt: 'prompt_required' };

const COMBINATIONS = new Set(['anyOf', 'oneOf', 'allOf']);

/** The failure of a check as the error that names the field, what is wrong and what would be taken. */
export function schemaError(errors: readonly ErrorObject[], schemas: Schemas): ApiError {
  const error = mostTelling(errors);
  if (error === undefined) return new ApiError('malformed_request', 'The request is not valid.');
  const path = fieldName(error.instancePath);
  const schema = (error.parentSchema ?? {}) as JsonSchema;
  switch (error.keyword) {
    case 'required': {
      const missing = String((error.params as { missingProperty: string }).missingProperty);
      const param = path === '' ? missing : `${path}.${missing}`;
      return new ApiError(REQUIRED_CODES[param] ?? 'param_invalid_type', `${param} is missing.`, { param });
    }
    case 'additionalProperties': {
      const extra = String((error.params as { additionalProperty: string }).additionalProperty);
      const accepted = Object.keys(schema.properties ?? {});
      return new ApiError('param_unsupported', `There is no field ${extra} here; there are: ${accepted.join(', ')}.`, {
        param: `${path}.${extra}`,
        accepted,
      });
    }
    case 'minLength':
      return new ApiError(REQUIRED_CODES[path] ?? CODES.minLength, `${path} is empty.`, { param: path });
    case 'maxItems':
      return new ApiError('param_out_of_range', `${path} may have at most ${schema.maxItems} entries.`, { param: path });
    case MAX_BYTES_KEYWORD:
      return new ApiError('param_too_long', `${path} may have at most ${schema[MAX_BYTES_KEYWORD]} bytes as JSON.`, { param: path });
    case 'maxLength':
      return new ApiError('param_too_long', `${path} may have at most ${schema.maxLength} characters.`, { param: path });
    default:
      return new ApiError(
        CODES[error.keyword as keyof typeof CODES] ?? 'param_invalid_type',
        `${path} must be ${describeSchema(schema, schemas)}; it is ${show(error.data)}.`,
        {
          param: path,
          ...acceptedBy(schema),
        },
      );
  }
}

/** Of alternatives that all failed, the one that came furthest into the value tells most; otherwise all of them are named together. */
function mostTelling(errors: readonly ErrorObject[]): ErrorObject | undefined {
  const deepest = Math.max(...errors.map(depthOf));
  const combination = errors.find((error) => COMBINATIONS.has(error.keyword) && depthOf(error) === deepest);
  return combination ?? errors.find((error) => depthOf(error) === deepest);
}

/** A missing or needless field lies a level below the object that is complained about. */
function depthOf({ instancePath, keyword }: ErrorObject): number {
  const inside = keyword === 'required' || keyword === 'additionalProperties' ? 1 : 0;
  return instancePath.split('/').length + inside;
}

/** `/reference_images/0/type` as `reference_images[0].type`. */
function fieldName(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce(
      (path, segment) => (/^\d+$/.test(segment) && path !== '' ? `${path}[${segment}]` : path === '' ? segment : `${path}.${segment}`),
      '',
    );
}

function acceptedBy(schema: JsonSchema): { accepted?: (string | number)[] } {
  const accepted = schema.enum?.filter((value): value is string | number => typeof value === 'string' || typeof value === 'number');
  return accepted === undefined ? {} : { accepted };
}

/** A caller's value in a message: short, whatever was sent. */
function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(typeof value === 'string' ? value.slice(0, 80) : value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
