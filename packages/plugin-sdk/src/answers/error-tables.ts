import type { ProviderErrorCode } from '../errors.js';

/** A vendor's own meanings, which come before the common ones. */
export interface ErrorTable {
  /** The vendor's code or type, in any case and with any separators. */
  readonly codes?: Readonly<Record<string, ProviderErrorCode>>;
  readonly statuses?: Readonly<Record<number, ProviderErrorCode>>;
}

/** Words without their case and separators: `RateLimit_Exceeded` and `rate limit exceeded` are one. */
export function bareWord(word: string): string {
  return word.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '');
}

function table(rows: Readonly<Partial<Record<ProviderErrorCode, string>>>): ReadonlyMap<string, ProviderErrorCode> {
  return new Map(
    Object.entries(rows).flatMap(([code, words]) =>
      words.split(/\s+/).map((word): [string, ProviderErrorCode] => [bareWord(word), code as ProviderErrorCode]),
    ),
  );
}

/** Codes and types of vendors' errors. */
export const COMMON_CODES = table({
  content_rejected: `moderation_blocked moderation_failed moderated content_moderated content_moderation content_policy_violation
    content_policy policy_violation content_filter content_filtered responsible_ai_policy_violation safety_violation safety_system
    sensitive_content sensitive_content_detected input_text_sensitive_content_detected input_image_sensitive_content_detected
    output_image_sensitive_content_detected output_video_sensitive_content_detected data_inspection_failed inappropriate_content
    prohibited_content nsfw nsfw_content nsfw_content_detected image_safety prompt_blocked request_moderated`,
  quota_exhausted: `insufficient_quota insufficient_user_quota insufficient_balance insufficient_credits insufficient_credit
    insufficient_funds billing_hard_limit_reached billing_not_active credit_balance_exhausted organization_spend_limit_exceeded
    project_spend_limit_exceeded organization_usage_limit_exceeded quota_exceeded budget_exhausted budget_exceeded payment_required
    arrearage out_of_credits not_enough_credits`,
  rate_limited: `rate_limit_exceeded rate_limit_error rate_limit rate_limited too_many_requests throttled throttling
    throttling_exception resource_exhausted concurrency_limit_exceeded requests_limit_exceeded`,
  authentication_failed: `invalid_api_key incorrect_api_key authentication_error authentication_failed unauthenticated unauthorized
    invalid_authentication invalid_token expired_token`,
  permission_denied: `permission_denied permission_error forbidden access_denied unsupported_country_region_territory`,
  unsupported: `model_not_found model_not_available model_not_supported unknown_model invalid_model no_such_model deployment_not_found
    not_found not_found_error not_implemented unsupported`,
  timeout: `timeout timeout_error request_timeout generation_timeout gateway_timeout timed_out deadline_exceeded`,
  unavailable: `server_error internal_error internal_server_error service_unavailable server_overloaded overloaded overloaded_error
    model_overloaded engine_not_ready bad_gateway upstream_error generation_failed`,
  invalid_request: `bad_request bad_request_error validation_error invalid_argument invalid_parameter invalid_parameters invalid_params
    invalid_value invalid_input invalid_prompt invalid_image missing missing_parameter value_error type_error unprocessable_entity
    image_too_large image_too_small unsupported_format corrupt_input`,
});

/** Types that vendors put on errors of many kinds: asked only where nothing else tells. */
export const VAGUE_TYPES = table({ invalid_request: 'invalid_request_error invalid_request', unavailable: 'api_error' });

export const COMMON_STATUSES: Readonly<Record<number, ProviderErrorCode>> = {
  401: 'authentication_failed',
  402: 'quota_exhausted',
  403: 'permission_denied',
  // The route or the model is not there.
  404: 'unsupported',
  405: 'unsupported',
  408: 'timeout',
  409: 'unavailable',
  410: 'unsupported',
  429: 'rate_limited',
  501: 'unsupported',
};

/** What vendors say in words alone. The first that fits counts. */
export const COMMON_TEXTS: readonly (readonly [pattern: RegExp, code: ProviderErrorCode])[] = [
  [
    /\bnsfw\b|safety (system|filter|polic|check|violation)|content (polic|filter|moderation|safety)|moderation|flagged|inappropriate|sensitive content|prohibited content|violat\w+ (our|the|content|usage|safety)\b.{0,40}(polic|guideline|terms)|risk control/i,
    'content_rejected',
  ],
  [
    /(insufficient|exhausted|not enough|out of|no) (account |user |api )?(balance|credit|quota|fund)|(balance|credit|quota)s? (is|are|has been|have been) (insufficient|exhausted|exceeded|used up)|exceeded your current quota|top up/i,
    'quota_exhausted',
  ],
  [/rate.?limit|too many requests|\bthrottl/i, 'rate_limited'],
  [
    /(invalid|incorrect|wrong|missing|expired)\W{1,3}(api.?key|access.?token|token|credential)|unauthori[sz]ed|authentication/i,
    'authentication_failed',
  ],
  [
    /\b(model|deployment)\b.{0,80}(not found|does not exist|not available|not supported|is unknown)|no such model|unknown model/i,
    'unsupported',
  ],
  [/timed? ?out|deadline exceeded/i, 'timeout'],
  [
    /overloaded|(service|server|engine|temporarily) (is )?(un|not )(available|ready)|internal (server )?error|try again later/i,
    'unavailable',
  ],
  [/\binvalid\b|\bmust (be|have|not)\b|is required|out of range|not supported|unsupported|out of memory/i, 'invalid_request'],
];
