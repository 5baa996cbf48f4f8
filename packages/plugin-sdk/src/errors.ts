/** Every way in which a vendor call can fail. The code alone decides retry, fallback, health and the HTTP status. */
export const PROVIDER_ERROR_CODES = [
  'invalid_request',
  'unsupported',
  'content_rejected',
  'authentication_failed',
  'permission_denied',
  'quota_exhausted',
  'rate_limited',
  'unavailable',
  'timeout',
  'output_expired',
  'invalid_response',
  'internal',
] as const;

export type ProviderErrorCode = (typeof PROVIDER_ERROR_CODES)[number];

/**
 * Whether the vendor bills for the failed call.
 * `unknown` whenever the vendor may have accepted the work: such a call is never repeated by the gateway.
 */
export type Charged = 'no' | 'yes' | 'unknown';

export interface ProviderErrorDetails {
  /** See {@link Charged}. Default `no`. */
  charged?: Charged;
  /** The gateway's name of the offending field, such as `size` or `extra.safety_tolerance`. */
  param?: string;
  /** How long the vendor asked to wait before another try, in milliseconds. */
  retryAfterMs?: number;
  /** The HTTP status that the vendor answered with, when there was one. */
  vendorStatus?: number;
  /** The vendor's own error code or type, for logs and for `error.provider_error`. */
  vendorCode?: string;
  /** The vendor's id of the failed request, for its support desk. */
  vendorRequestId?: string;
  cause?: unknown;
}

const BRAND = Symbol.for('litegen.plugin-sdk.ProviderError');

/** The one error type that a plugin throws. Messages are shown to callers, so they never carry a secret. */
export class ProviderError extends Error {
  readonly [BRAND] = true;
  readonly code: ProviderErrorCode;
  readonly charged: Charged;
  readonly param?: string;
  readonly retryAfterMs?: number;
  readonly vendorStatus?: number;
  readonly vendorCode?: string;
  readonly vendorRequestId?: string;

  constructor(code: ProviderErrorCode, message: string, details: ProviderErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'ProviderError';
    this.code = code;
    this.charged = details.charged ?? 'no';
    this.param = details.param;
    this.retryAfterMs = details.retryAfterMs;
    this.vendorStatus = details.vendorStatus;
    this.vendorCode = details.vendorCode;
    this.vendorRequestId = details.vendorRequestId;
  }

  /** True for a `ProviderError` of any copy of this package, which `instanceof` cannot promise. */
  static is(value: unknown): value is ProviderError {
    return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[BRAND] === true;
  }
}
