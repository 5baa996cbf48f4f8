import { ApiError } from '../../platform/common/index.js';

const RETRY_AFTER_SECONDS = 5;

/** The store cannot be used now. The message is the operator's to act on; the cause goes to the log. */
export function storageUnavailable(message: string, cause: unknown): ApiError {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? ` (${String(cause.code)})` : '';
  return new ApiError('storage_unavailable', `${message}${code}`, { cause, retryAfterSeconds: RETRY_AFTER_SECONDS });
}

export function blobNotFound(sha256: string, cause?: unknown): ApiError {
  return new ApiError('not_found', `There is no stored file ${sha256}.`, { cause });
}
