import { ApiError } from '../../../platform/common/index.js';

export function invalidReference(message: string, cause?: unknown): ApiError {
  return new ApiError('reference_invalid', message, { cause });
}
