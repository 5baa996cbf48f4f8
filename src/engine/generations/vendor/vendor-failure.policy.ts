import type { ProviderErrorCode, VendorFailure } from '@litegen/plugin-sdk';
import type { ErrorCode } from '../../../platform/common/index.js';
import type { GenerationFailure } from '../model/generation.types.js';

/** What a caller is told for each thing that can go wrong at a vendor. */
const PUBLIC_CODES: Readonly<Record<ProviderErrorCode, ErrorCode>> = {
  invalid_request: 'provider_invalid_request',
  unsupported: 'provider_invalid_request',
  content_rejected: 'moderation_blocked',
  authentication_failed: 'provider_authentication_failed',
  permission_denied: 'provider_permission_denied',
  quota_exhausted: 'provider_quota_exhausted',
  rate_limited: 'provider_rate_limited',
  unavailable: 'provider_unavailable',
  timeout: 'provider_timeout',
  output_expired: 'output_expired',
  invalid_response: 'provider_invalid_response',
  internal: 'provider_internal',
};

/** How OpenAI's own refusals begin, by which clients know them. */
const REJECTED = 'Your request was rejected as a result of the safety system';
const VENDORS_OWN_REJECTED = /^your request was rejected as a result of (?:the|our) safety system/i;

type Describable = Pick<VendorFailure, 'code' | 'message' | 'charged' | 'param' | 'vendorCode'> & {
  readonly vendorStatus?: number;
  readonly vendorRequestId?: string;
  readonly retryAfterMs?: number;
};

/** The caller's view of a vendor's failure. */
export function describeFailure(error: Describable): GenerationFailure {
  const message = error.code === 'content_rejected' ? rejection(error.message) : error.message;
  return {
    code: PUBLIC_CODES[error.code],
    message,
    details: {
      charged: error.charged,
      ...(message === error.message ? {} : { vendor_message: error.message }),
      ...(error.param === undefined ? {} : { param: error.param }),
      ...(error.vendorCode === undefined ? {} : { vendor_code: error.vendorCode }),
      ...(error.vendorStatus === undefined ? {} : { vendor_status: error.vendorStatus }),
      ...(error.vendorRequestId === undefined ? {} : { vendor_request_id: error.vendorRequestId }),
      ...(error.retryAfterMs === undefined ? {} : { retry_after_ms: error.retryAfterMs }),
    },
  };
}

/** OpenAI's sentence, then the vendor's own words. */
function rejection(words: string): string {
  if (VENDORS_OWN_REJECTED.test(words)) return words.replace(VENDORS_OWN_REJECTED, REJECTED);
  return words === '' ? `${REJECTED}.` : `${REJECTED}: ${words}`;
}
