import { ApiError } from '../../platform/common/index.js';

export const RATE_WINDOW_MS = 60_000;
const RETRY_AFTER_SECONDS = 2;

/** What may spend waits until requests can be counted again. */
export function limiterUnavailable(cause: unknown): ApiError {
  return new ApiError('limiter_unavailable', 'The store that counts requests is unreachable; nothing was done.', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    cause,
  });
}
