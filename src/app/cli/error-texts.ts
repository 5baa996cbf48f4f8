import type { ErrorCode } from '../../platform/common/index.js';

/** One sentence on when a code is answered, and one on what to do. */
export interface ErrorText {
  readonly when: string;
  readonly remedy: string;
}

/** For docs/use/errors.md. The compiler sees to it that no code is without a text. */
export const ERROR_TEXTS: Readonly<Record<ErrorCode, ErrorText>> = {
  invalid_json: { when: 'The body is not JSON.', remedy: 'Send valid JSON; the message says where it breaks.' },
  invalid_encoding: {
    when: 'The body is not what its headers declare: invalid UTF-8, an unknown charset, broken gzip.',
    remedy: 'Send UTF-8, or declare the charset and the `Content-Encoding` of the body.',
  },
  malformed_request: {
    when: 'The body does not have the shape that the endpoint expects.',
    remedy: 'Compare it with the endpoint at `/docs`.',
  },
  malformed_multipart: {
    when: 'A multipart form is cut off, or has parts that cannot be read.',
    remedy: 'Let the HTTP library build the form, its boundary included.',
  },
  invalid_query: { when: 'The query string cannot be read.', remedy: 'Percent-encode the values of the query.' },
  no_webhook_configured: {
    when: 'A test delivery was requested for a key that has no `webhook_url`.',
    remedy: 'Set `webhook_url` on the key first.',
  },
  unsupported_media_type: {
    when: 'The `Content-Type` is neither JSON nor a form, or the `Content-Encoding` or `Transfer-Encoding` is unknown.',
    remedy: 'Send `application/json` or `multipart/form-data`, uncompressed or in one of the encodings listed in `error.accepted`.',
  },
  body_too_large: {
    when: 'The body exceeds `server.body_limit_bytes`, or a file `server.upload_limit_bytes`.',
    remedy: 'Send references as URLs or smaller files, or raise the limit.',
  },
  uri_too_long: { when: 'The path and the query together are longer than 8 KiB.', remedy: 'Send long values in the body.' },
  expectation_failed: {
    when: 'The `Expect` header asks for something other than `100-continue`.',
    remedy: 'Leave the header out.',
  },
  headers_too_large: {
    when: 'The headers are larger than the server accepts.',
    remedy: 'Send fewer or shorter headers, starting with cookies.',
  },
  route_not_found: { when: 'There is no such path.', remedy: 'Look it up at `/docs`; the base URL ends with `/v1`.' },
  not_acceptable: {
    when: 'The `Accept` header excludes every type that the route can answer with.',
    remedy: 'Accept one of the types in `error.accepted`.',
  },
  method_not_allowed: { when: 'The path exists, but not for this method.', remedy: 'Use one of the methods in the `Allow` header.' },
  request_timeout: {
    when: 'The request did not arrive within `server.body_timeout_seconds`, or stopped for `server.idle_timeout_seconds`.',
    remedy: 'Send it again.',
  },
  not_found: {
    when: 'There is no such object, it belongs to another application, or it was made with a different key.',
    remedy: 'Check the id, and use the key that made it or an `admin` key of its application.',
  },
  conflict: {
    when: 'The object is not in a state that allows this: a generation that has ended cannot be cancelled, for instance.',
    remedy: 'Read its status first.',
  },

  idempotency_key_reused: {
    when: 'The `Idempotency-Key` was already used with a different request.',
    remedy: 'Generate a new key for every new request, and reuse it only to retry that request.',
  },
  idempotency_key_invalid: {
    when: 'The `Idempotency-Key` is empty, too long, or contains characters that are not allowed.',
    remedy: 'Send 1 to 255 printable ASCII characters, such as a UUID.',
  },

  prompt_required: { when: 'The model needs a prompt, and there is none.', remedy: 'Send `prompt`.' },
  prompt_too_short: { when: 'The prompt is shorter than the model accepts.', remedy: 'See `prompt.min_length` in the model’s schema.' },
  prompt_too_long: {
    when: 'The prompt is longer than the model accepts.',
    remedy: 'See `prompt.max_length` in the model’s schema; lengths are in code points.',
  },
  param_unsupported: {
    when: 'The model or the endpoint does not accept this field.',
    remedy:
      'Leave it out; or turn strictness off, with `"strict": false` or for the key, to have it dropped and listed in `x-litegen-dropped-params`.',
  },
  param_out_of_range: { when: 'A number is out of range.', remedy: 'See `min` and `max` in the model’s schema.' },
  param_too_long: { when: 'A text is longer than allowed.', remedy: 'Shorten it.' },
  param_enum_mismatch: { when: 'The value is not one of those allowed.', remedy: 'Use one of those in `error.accepted`.' },
  param_pattern_mismatch: {
    when: 'A text does not match the pattern that the model requires.',
    remedy: 'See `pattern` in the model’s schema.',
  },
  param_invalid_type: { when: 'A field has the wrong type.', remedy: 'Compare it with the endpoint at `/docs`.' },
  param_invalid_text: {
    when: 'A text or a field’s name contains U+0000 or half of a surrogate pair.',
    remedy: 'Send complete characters, and binary data as base64.',
  },
  ref_role_unknown: { when: 'The model has no reference role with this name.', remedy: 'Use one of those in `error.accepted`.' },
  ref_role_required: {
    when: 'The model needs a reference that is missing, such as a first frame.',
    remedy: 'Add a reference with that role.',
  },
  ref_total_exceeded: {
    when: 'There are more references than the model accepts.',
    remedy: 'See `ref_inputs.max_total` in the model’s schema.',
  },
  ref_role_count_out_of_range: {
    when: 'There are too few or too many references with one role.',
    remedy: 'See `ref_inputs.roles` in the model’s schema.',
  },
  extra_key_unsupported: {
    when: 'An option under `extra` is not on the model’s list, or is a parameter that belongs at the top level.',
    remedy:
      'Use the keys of `extra_allowlist`; send parameters at the top level. With `"strict": false`, other options are dropped and listed.',
  },
  operation_unsupported: {
    when: 'The model does not support the endpoint’s operation.',
    remedy: 'Find a model with `GET /v1/models?operation=…`, or use one in `error.accepted`.',
  },
  model_required: { when: 'The request names no model.', remedy: 'Send `model`.' },
  model_not_found: { when: 'There is no model with this name.', remedy: '`GET /v1/models` lists what the key can call.' },
  model_sunset: {
    when: 'The vendor has shut the model down and nothing replaces it: it has no successor, the key may not use the successor, or `retired_models` is `refuse`.',
    remedy: 'Use its successor, if `error.accepted` names one.',
  },

  url_blocked: {
    when: 'A reference’s URL resolves to a private or otherwise forbidden address.',
    remedy: 'Use a public URL; an operator can allow private hosts with `egress.allow`.',
  },
  webhook_url_not_allowed: {
    when: 'No webhook endpoint that receives this request’s events allows `webhook_url`: one with `allow_request_urls` and the same scheme, host and port.',
    remedy: 'Use a URL on an origin in `error.accepted`, or have an administrator allow it on the endpoint.',
  },
  reference_fetch_failed: {
    when: 'A reference’s URL did not return a file.',
    remedy: 'Check that the URL works without cookies or a login.',
  },
  reference_too_large: {
    when: 'A reference exceeds `media.max_reference_bytes` or `media.max_pixels`.',
    remedy: 'Scale it down, or ask the operator to raise the limit.',
  },
  reference_invalid: {
    when: 'A reference is not an image or video that can be used.',
    remedy: 'Send PNG, JPEG, WebP, GIF or AVIF; re-export a damaged file.',
  },

  authentication_required: { when: 'The request has no API key.', remedy: 'Send `Authorization: Bearer sk_live_…`.' },
  invalid_api_key: { when: 'The API key is unknown or has been revoked.', remedy: 'Use another key.' },
  api_key_expired: {
    when: 'The key’s `expires_at` has passed, or its grace period after a rotation is over.',
    remedy: 'Use another key, or extend this one.',
  },
  forbidden: {
    when: 'The caller may not do this: a key would grant more than it has, or the page or host is not known to a gateway that runs without a master key.',
    remedy: 'The message says why, and `error.param` where. Ask the gateway’s administrator.',
  },
  forbidden_scope: {
    when: 'The key lacks the scope that the endpoint requires.',
    remedy: 'Use a key with the scope in `error.accepted`; no scope implies another.',
  },
  model_not_allowed: {
    when: 'The key’s `allowed_models` does not cover the model.',
    remedy: 'Use a model from `GET /v1/models`, or extend the key’s `allowed_models`.',
  },

  quota_exceeded: {
    when: 'The price exceeds what is left of a budget once running requests are counted; `error.budget` says which.',
    remedy: 'Raise the limit, wait for the period to end (`resets_at`), or wait for running requests to release what they hold.',
  },
  quote_not_found: {
    when: '`X-Litegen-Quote` names no quote of the caller’s application.',
    remedy: 'Send the `id` from `POST /v1/quote`, with a key of the same application.',
  },
  quote_expired: { when: 'The quote is older than `quotes.ttl_seconds`.', remedy: 'Ask for a new one; the price may have changed.' },
  quote_mismatch: {
    when: 'The quote is for another model, or for different values of parameters that affect the price; `error.param` names the first.',
    remedy: 'Send what was quoted, or get a quote for this request.',
  },
  price_unknown: {
    when: 'The catalogue has no price for this request, so nothing can be reserved.',
    remedy: 'Ask the operator to add a price or a `ceiling_usd` to the model.',
  },
  too_many_streams: {
    when: 'The key already has as many event streams open in one process as `events.streams_per_key` allows.',
    remedy: 'Close some, follow fewer generations at a time, or use webhooks.',
  },
  rate_limit_exceeded: {
    when: 'The key sends more requests per minute than its `rpm_limit` allows.',
    remedy: 'Wait as long as `Retry-After` says.',
  },

  provider_not_configured: {
    when: 'The model’s provider has no credential.',
    remedy: 'Set what the message names; `GET /v1/providers` and `npm run doctor` show it.',
  },
  moderation_blocked: {
    when: 'The vendor refused the prompt, a reference or the result.',
    remedy: 'Change the request; retrying it unchanged gives the same answer.',
  },
  provider_invalid_request: {
    when: 'The vendor rejected a value that the catalogue allows.',
    remedy: 'See `error.provider_error`, and tell the operator that the catalogue is wrong.',
  },
  provider_authentication_failed: { when: 'The vendor rejected the gateway’s credential.', remedy: 'The operator has to replace it.' },
  provider_permission_denied: {
    when: 'The vendor’s account may not use the model.',
    remedy: 'The operator has to have the vendor enable it.',
  },
  provider_quota_exhausted: { when: 'The vendor account is out of credit.', remedy: 'The operator has to top it up.' },
  provider_rate_limited: {
    when: 'The vendor accepts no more requests for now, even after retries.',
    remedy: 'Wait as long as `Retry-After` says.',
  },
  provider_unavailable: {
    when: 'The vendor is down or cannot be reached, even after retries.',
    remedy: 'Try again later, or use another provider’s model.',
  },
  provider_timeout: { when: 'The vendor did not answer in time.', remedy: 'Look the generation up; try again if it was not charged.' },
  provider_invalid_response: {
    when: 'The vendor’s response cannot be used, or its file is not the requested image or video.',
    remedy: 'Try another model; the log has the details for the operator.',
  },
  provider_internal: {
    when: 'The vendor failed, or its plugin did.',
    remedy: 'Try again later; the log has the details for the operator.',
  },
  output_expired: {
    when: 'The vendor finished, but its link to the result did not work, even after retries.',
    remedy: 'Send the request again; this one was charged.',
  },
  outcome_unknown: {
    when: 'The vendor may have started the work, but its response did not arrive. The gateway does not submit it again, because that could be charged twice.',
    remedy: 'Decide whether to send it again; the hold stays until an operator settles it from the vendor’s records.',
  },
  deadline_exceeded: { when: 'The generation did not finish by its deadline.', remedy: 'Try again, or raise the deadline.' },
  generation_cancelled: {
    when: 'The generation was cancelled while the caller waited for it.',
    remedy: 'Send the request again if that was not intended.',
  },
  not_ready: {
    when: 'What was requested is not finished.',
    remedy: 'Ask again after `Retry-After`, or wait with `Prefer: wait=N`.',
  },
  link_invalid: { when: 'A link to a file was altered or has expired.', remedy: 'Get the generation again; it has a fresh link.' },
  range_not_satisfiable: {
    when: 'The byte range lies outside the file.',
    remedy: 'Request a range within `Content-Range`, or the whole file.',
  },

  shutting_down: { when: 'This process is shutting down.', remedy: 'Send the request again; another process will take it.' },
  service_unavailable: { when: 'The gateway cannot take the request right now.', remedy: 'Send the request again after `Retry-After`.' },
  database_unavailable: {
    when: 'The database does not answer. Unless there is a `generation_id`, nothing was sent to a vendor and nothing is charged.',
    remedy: 'Send the request again after `Retry-After`; if there is a `generation_id`, look that up instead.',
  },
  concurrency_limit_exceeded: {
    when: 'The key or its application has as many generations in progress, or waiting, as its limit allows.',
    remedy:
      'Send it again after `Retry-After`, or ask for an asynchronous answer (`Prefer: respond-async`), which is queued while the queue has room.',
  },
  over_capacity: {
    when: 'The gateway has as many generations in progress for this model or vendor as its operator allows, or this process is at its limit of requests.',
    remedy:
      'Send it again after `Retry-After`, or ask for an asynchronous answer (`Prefer: respond-async`), which is queued while the queue has room.',
  },
  limiter_unavailable: {
    when: 'Redis, which counts requests for keys with an `rpm_limit`, is unreachable or refuses writes, and the request could spend money.',
    remedy: 'Nothing was done. Send it again after `Retry-After`; requests that cannot spend money continue meanwhile, uncounted.',
  },
  storage_unavailable: {
    when: 'The disk under the database or the file store is full or read-only, or the file store cannot be reached. No vendor is called meanwhile. If there is a `generation_id`, one had been called, and its result is kept.',
    remedy:
      'Send the request again after `Retry-After`. The reason is in `/health/ready`, in the log and in the output of `npm run doctor`.',
  },
  internal_error: { when: 'A bug in the gateway.', remedy: 'Report it with the request id.' },
};
