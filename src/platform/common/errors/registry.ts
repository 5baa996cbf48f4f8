/** Who must act, which decides how loudly a failure is logged. */
export type ErrorFault = 'caller' | 'vendor' | 'operator' | 'gateway' | 'nobody';

export interface ErrorDefinition {
  readonly status: number;
  /** OpenAI's `error.type`; `validation_error`, `quota_exceeded` and `forbidden_scope` are LiteGen's. */
  readonly type: string;
  readonly fault: ErrorFault;
  /** Sent as `x-should-retry`: whether an official SDK should send the same request again. */
  readonly retry: boolean;
}

const validation: ErrorDefinition = { status: 400, type: 'validation_error', fault: 'caller', retry: false };
const badRequest: ErrorDefinition = { status: 400, type: 'invalid_request_error', fault: 'caller', retry: false };
const notFound: ErrorDefinition = { status: 404, type: 'not_found_error', fault: 'caller', retry: false };
const vendor: ErrorDefinition = { status: 502, type: 'provider_error', fault: 'vendor', retry: false };

/** Every failure that the API can answer with. Codes are stable: documented in docs/use/errors.md and never renamed. */
export const ERRORS = {
  // The request itself
  invalid_json: badRequest,
  invalid_encoding: badRequest,
  malformed_request: validation,
  malformed_multipart: validation,
  invalid_query: badRequest,
  no_webhook_configured: badRequest,
  unsupported_media_type: { status: 415, type: 'invalid_request_error', fault: 'caller', retry: false },
  body_too_large: { status: 413, type: 'invalid_request_error', fault: 'caller', retry: false },
  uri_too_long: { status: 414, type: 'invalid_request_error', fault: 'caller', retry: false },
  expectation_failed: { status: 417, type: 'invalid_request_error', fault: 'caller', retry: false },
  headers_too_large: { status: 431, type: 'invalid_request_error', fault: 'caller', retry: false },
  route_not_found: notFound,
  not_acceptable: { status: 406, type: 'invalid_request_error', fault: 'caller', retry: false },
  method_not_allowed: { status: 405, type: 'invalid_request_error', fault: 'caller', retry: false },
  request_timeout: { status: 408, type: 'invalid_request_error', fault: 'caller', retry: true },
  not_found: notFound,
  idempotency_key_invalid: badRequest,
  idempotency_key_reused: { status: 422, type: 'invalid_request_error', fault: 'caller', retry: false },
  conflict: { status: 409, type: 'invalid_request_error', fault: 'caller', retry: false },

  // Validation against the model
  prompt_required: validation,
  prompt_too_short: validation,
  prompt_too_long: validation,
  param_unsupported: validation,
  param_out_of_range: validation,
  param_too_long: validation,
  param_enum_mismatch: validation,
  param_pattern_mismatch: validation,
  param_invalid_type: validation,
  param_invalid_text: validation,
  ref_role_unknown: validation,
  ref_role_required: validation,
  ref_total_exceeded: validation,
  ref_role_count_out_of_range: validation,
  extra_key_unsupported: validation,
  operation_unsupported: validation,
  model_required: validation,
  model_not_found: { status: 404, type: 'invalid_request_error', fault: 'caller', retry: false },
  model_sunset: { status: 404, type: 'invalid_request_error', fault: 'caller', retry: false },

  // Reference media
  url_blocked: badRequest,
  webhook_url_not_allowed: { status: 403, type: 'permission_error', fault: 'caller', retry: false },
  reference_fetch_failed: badRequest,
  reference_too_large: badRequest,
  reference_invalid: badRequest,

  // Who is calling
  authentication_required: { status: 401, type: 'authentication_error', fault: 'caller', retry: false },
  invalid_api_key: { status: 401, type: 'authentication_error', fault: 'caller', retry: false },
  api_key_expired: { status: 401, type: 'authentication_error', fault: 'caller', retry: false },
  forbidden: { status: 403, type: 'permission_error', fault: 'caller', retry: false },
  forbidden_scope: { status: 403, type: 'forbidden_scope', fault: 'caller', retry: false },
  model_not_allowed: { status: 403, type: 'permission_error', fault: 'caller', retry: false },

  // How much
  quota_exceeded: { status: 402, type: 'quota_exceeded', fault: 'caller', retry: false },
  quote_not_found: { status: 422, type: 'invalid_request_error', fault: 'caller', retry: false },
  quote_expired: { status: 409, type: 'invalid_request_error', fault: 'caller', retry: false },
  quote_mismatch: { status: 422, type: 'invalid_request_error', fault: 'caller', retry: false },
  price_unknown: { status: 400, type: 'invalid_request_error', fault: 'operator', retry: false },
  too_many_streams: { status: 429, type: 'rate_limit_exceeded', fault: 'caller', retry: true },
  concurrency_limit_exceeded: { status: 429, type: 'rate_limit_exceeded', fault: 'caller', retry: true },
  rate_limit_exceeded: { status: 429, type: 'rate_limit_exceeded', fault: 'caller', retry: true },

  // The vendor
  provider_not_configured: { status: 424, type: 'provider_not_configured', fault: 'operator', retry: false },
  moderation_blocked: badRequest,
  provider_invalid_request: badRequest,
  provider_authentication_failed: { ...vendor, fault: 'operator' },
  provider_permission_denied: { ...vendor, fault: 'operator' },
  provider_quota_exhausted: { ...vendor, fault: 'operator' },
  provider_rate_limited: { status: 429, type: 'rate_limit_error', fault: 'vendor', retry: true },
  provider_unavailable: { status: 503, type: 'provider_error', fault: 'vendor', retry: true },
  provider_timeout: { status: 504, type: 'provider_error', fault: 'vendor', retry: false },
  provider_invalid_response: vendor,
  provider_internal: vendor,
  output_expired: vendor,
  outcome_unknown: vendor,
  deadline_exceeded: { status: 504, type: 'provider_error', fault: 'vendor', retry: false },
  generation_cancelled: { status: 409, type: 'invalid_request_error', fault: 'caller', retry: false },
  not_ready: { status: 409, type: 'invalid_request_error', fault: 'caller', retry: true },
  link_invalid: { status: 403, type: 'permission_error', fault: 'caller', retry: false },
  range_not_satisfiable: { status: 416, type: 'invalid_request_error', fault: 'caller', retry: false },

  // The gateway
  shutting_down: { status: 503, type: 'service_unavailable', fault: 'nobody', retry: true },
  service_unavailable: { status: 503, type: 'service_unavailable', fault: 'gateway', retry: true },
  database_unavailable: { status: 503, type: 'service_unavailable', fault: 'operator', retry: true },
  over_capacity: { status: 503, type: 'service_unavailable', fault: 'nobody', retry: true },
  limiter_unavailable: { status: 503, type: 'service_unavailable', fault: 'operator', retry: true },
  storage_unavailable: { status: 503, type: 'service_unavailable', fault: 'operator', retry: true },
  internal_error: { status: 500, type: 'internal_error', fault: 'gateway', retry: false },
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof ERRORS;
