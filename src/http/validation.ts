import type { ValidationError } from '@nestjs/common';
import { ApiError, type ErrorCode } from '../common/index.js';

/** Constraints of class-validator and the codes that callers see. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  whitelistValidation: 'param_unsupported',
  min: 'param_out_of_range',
  max: 'param_out_of_range',
  isIn: 'param_enum_mismatch',
  isEnum: 'param_enum_mismatch',
  isLength: 'param_too_long',
  maxLength: 'param_too_long',
};

/** The first thing that is wrong, with its path. */
export function validationError(errors: readonly ValidationError[], prefix = ''): ApiError {
  const [first] = errors;
  if (first === undefined) return new ApiError('malformed_request', 'The request is not valid.');
  const path = Number.isInteger(Number(first.property))
    ? `${prefix}[${first.property}]`
    : prefix === ''
      ? first.property
      : `${prefix}.${first.property}`;
  if (first.constraints === undefined) return validationError(first.children ?? [], path);
  const [constraint = '', message = ''] = Object.entries(first.constraints)[0] ?? [];
  const text = constraint === 'whitelistValidation' ? `There is no field "${path}" here.` : `${message}.`;
  return new ApiError(CODES[constraint] ?? 'param_invalid_type', text, { param: path });
}
