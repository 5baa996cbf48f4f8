import type { Charged, ProviderErrorCode } from '@litegen/plugin-sdk';

export interface FailureMeaning {
  readonly code: ProviderErrorCode;
  readonly charged: Charged;
}

const rejected: FailureMeaning = { code: 'content_rejected', charged: 'unknown' };
const invalid: FailureMeaning = { code: 'invalid_request', charged: 'no' };
const invalidAfterWork: FailureMeaning = { code: 'invalid_request', charged: 'unknown' };
const unavailable: FailureMeaning = { code: 'unavailable', charged: 'no' };
const timeout: FailureMeaning = { code: 'timeout', charged: 'no' };

/**
 * fal's `type` (in `detail[]`) and `error_type` (in the body, the status and `X-Fal-Error-Type`) → meaning.
 * Sources: https://docs.fal.ai/errors and https://fal.ai/docs/model-apis/request-errors.
 * Charges: 5xx are never billed; a 4xx that arose after a runner had worked may be (https://fal.ai/docs/model-apis/faq),
 * so what needs the model's judgement or its output counts as unknown, and what any reading of the input shows as free.
 */
export const FAILURE_TYPES: Readonly<Record<string, FailureMeaning>> = {
  // Moderation, and refusals that look like an empty answer
  content_policy_violation: rejected,
  partner_validation_failed: rejected,
  sensitive_content: rejected,
  no_media_generated: rejected,
  // The input's shape
  bad_request: invalid,
  missing: invalid,
  extra_forbidden: invalid,
  value_error: invalid,
  type_error: invalid,
  json_invalid: invalid,
  enum: invalid,
  literal_error: invalid,
  string_type: invalid,
  string_too_short: invalid,
  string_too_long: invalid,
  int_type: invalid,
  int_parsing: invalid,
  float_type: invalid,
  float_parsing: invalid,
  bool_type: invalid,
  bool_parsing: invalid,
  list_type: invalid,
  too_short: invalid,
  too_long: invalid,
  greater_than: invalid,
  greater_than_equal: invalid,
  less_than: invalid,
  less_than_equal: invalid,
  multiple_of: invalid,
  sequence_too_short: invalid,
  sequence_too_long: invalid,
  one_of: invalid,
  feature_not_supported: invalid,
  // The input's files
  image_too_small: invalid,
  image_too_large: invalid,
  image_load_error: invalid,
  file_download_error: invalid,
  file_too_large: invalid,
  unsupported_image_format: invalid,
  unsupported_video_format: invalid,
  unsupported_audio_format: invalid,
  invalid_archive: invalid,
  archive_file_count_below_minimum: invalid,
  archive_file_count_exceeds_maximum: invalid,
  video_duration_too_long: invalid,
  video_duration_too_short: invalid,
  audio_duration_too_long: invalid,
  audio_duration_too_short: invalid,
  face_detection_error: invalidAfterWork,
  // Time
  generation_timeout: timeout,
  request_timeout: timeout,
  startup_timeout: timeout,
  // What runs behind fal
  downstream_service_error: unavailable,
  downstream_service_unavailable: unavailable,
  runner_scheduling_failure: unavailable,
  runner_connection_timeout: unavailable,
  runner_disconnected: unavailable,
  runner_connection_refused: unavailable,
  runner_connection_error: unavailable,
  runner_incomplete_response: unavailable,
  runner_server_error: unavailable,
  internal_error: unavailable,
  internal_server_error: unavailable,
  // The Platform API's
  authorization_error: { code: 'authentication_failed', charged: 'no' },
  validation_error: invalid,
  not_found: { code: 'unsupported', charged: 'no' },
  rate_limited: { code: 'rate_limited', charged: 'no' },
  server_error: unavailable,
  not_implemented: { code: 'unsupported', charged: 'no' },
};

/** Types by which fal says that the request was given up by its sender. */
export const CANCELLED_TYPES: readonly string[] = ['client_cancelled', 'client_disconnected'];

/** Words of older gateways, asked only where no type is known. */
export const FAILURE_MESSAGES: readonly {
  readonly pattern: RegExp;
  readonly statuses: readonly number[];
  readonly meaning: FailureMeaning;
}[] = [
  // "User is locked. Reason: Exhausted balance. Top up your balance at …"
  { pattern: /exhausted balance|top up/i, statuses: [402, 403], meaning: { code: 'quota_exhausted', charged: 'no' } },
  { pattern: /nsfw|safety|policy|flagged|moderat/i, statuses: [400, 422], meaning: rejected },
];

/** The HTTP status alone. */
export const FAILURE_STATUSES: Readonly<Record<number, FailureMeaning>> = {
  400: invalid,
  401: { code: 'authentication_failed', charged: 'no' },
  402: { code: 'quota_exhausted', charged: 'no' },
  403: { code: 'permission_denied', charged: 'no' },
  404: { code: 'unsupported', charged: 'no' },
  405: { code: 'unsupported', charged: 'no' },
  408: timeout,
  410: { code: 'unsupported', charged: 'no' },
  413: invalid,
  415: invalid,
  422: invalid,
  429: { code: 'rate_limited', charged: 'no' },
  504: timeout,
};

/** Any other 4xx, and any other 5xx. */
export const OTHER_CLIENT_FAILURE: FailureMeaning = invalidAfterWork;
export const OTHER_SERVER_FAILURE: FailureMeaning = unavailable;

/** A failure of which fal gave neither a known type nor a status. */
export const UNKNOWN_FAILURE: FailureMeaning = { code: 'unavailable', charged: 'unknown' };
