import { type ArgumentMetadata, type ValidationError, ValidationPipe } from '@nestjs/common';
import { ApiError, type ErrorCode } from '../../platform/common/index.js';
import { validatorPackage } from '../../platform/validation/index.js';

/** Constraints of class-validator and the codes that callers see. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  min: 'param_out_of_range',
  max: 'param_out_of_range',
  arrayMaxSize: 'param_out_of_range',
  arrayNotEmpty: 'param_out_of_range',
  isIn: 'param_enum_mismatch',
  isEnum: 'param_enum_mismatch',
  isLength: 'param_too_long',
  maxLength: 'param_too_long',
};

/** What is of another type fails every other constraint too, and none of those tells why. */
const TYPES = ['isString', 'isNumber', 'isInt', 'isBoolean', 'isArray', 'isObject'];

/** As long as a path is shown: it consists of names that the caller chose. */
const LONGEST_PATH = 200;

/** Checks bodies and queries by the decorators of their classes; what these do not know is refused. */
export class FieldsPipe extends ValidationPipe {
  constructor() {
    super({ whitelist: true, forbidNonWhitelisted: true, transform: true, exceptionFactory: validationError, validatorPackage });
  }

  /** @throws ApiError */
  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (!this.toValidate(metadata)) return super.transform(value, metadata) as Promise<unknown>;
    if (metadata.type === 'body' && value !== undefined && !isObject(value)) {
      throw new ApiError('malformed_request', `The body must be a JSON object; it is ${nounOf(value)}.`);
    }
    // It takes names out of the value itself.
    const sent = structuredClone(value);
    const fields: unknown = await super.transform(value, metadata);
    const lost = lostName(sent, fields);
    if (lost !== undefined) throw unknownField(lost);
    return fields;
  }
}

/** The first thing that is wrong, with its path. */
export function validationError(errors: readonly ValidationError[], prefix = ''): ApiError {
  const [first] = errors;
  if (first === undefined) return new ApiError('malformed_request', 'The request is not valid.');
  const path = pathOf(prefix, first.property);
  const { constraints, value } = first;
  if (constraints === undefined) return validationError(first.children ?? [], path);
  if (constraints.whitelistValidation !== undefined) return unknownField(path);
  const param = path.slice(0, LONGEST_PATH);
  if (value === undefined) return new ApiError('param_invalid_type', `${param} is missing.`, { param });
  const [constraint, message] = mostTelling(constraints);
  if (value === null) return new ApiError('param_invalid_type', `${param} must not be null.`, { param });
  // Of a length, the library has one name for too much and too little.
  const isShort = constraint === 'isLength' && message.includes('longer than');
  return new ApiError(isShort ? 'param_out_of_range' : (CODES[constraint] ?? 'param_invalid_type'), `${message}.`, { param });
}

function mostTelling(constraints: Readonly<Record<string, string>>): readonly [constraint: string, message: string] {
  const found = Object.entries(constraints);
  return found.find(([constraint]) => TYPES.includes(constraint)) ?? found[0] ?? ['', ''];
}

function unknownField(path: string): ApiError {
  const param = path.slice(0, LONGEST_PATH);
  return new ApiError('param_unsupported', `There is no field "${param}" here.`, { param });
}

/** What the library takes for a part of every object, such as `constructor`, it drops without a word. */
function lostName(sent: unknown, kept: unknown, prefix = ''): string | undefined {
  if (!isObject(sent) && !Array.isArray(sent)) return undefined;
  for (const [name, value] of Object.entries(sent)) {
    const path = pathOf(prefix, name);
    if (typeof kept !== 'object' || kept === null || !Object.hasOwn(kept, name)) return path;
    const lost = lostName(value, (kept as Readonly<Record<string, unknown>>)[name], path);
    if (lost !== undefined) return lost;
  }
  return undefined;
}

function pathOf(prefix: string, name: string): string {
  if (Number.isInteger(Number(name))) return `${prefix}[${name}]`;
  return prefix === '' ? name : `${prefix}.${name}`;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function nounOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : typeof value === 'string' ? 'text' : `${value}`;
}
