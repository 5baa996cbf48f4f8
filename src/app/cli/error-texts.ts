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
    when: 'The body is not the text or the compressed data that its headers say: invalid UTF-8, an unknown charset, broken gzip.',
    remedy: 'Send UTF-8, or name the charset and the `Content-Encoding` that the body has.',
  },
  malformed_request: { when: 'The body has not the shape that the endpoint takes.', remedy: 'Compare it with the endpoint at `/docs`.' },
  malformed_multipart: {
    when: 'A multipart form breaks off, or has parts that cannot be read.',
    remedy: 'Let the HTTP library build the form, its boundary included.',
  },
  invalid_query: { when: 'The query string cannot be read.', remedy: 'Encode the values of the query.' },
  no_webhook_configured: {
    when: 'A test delivery was asked for a key without `webhook_url`.',
    remedy: 'Set `webhook_url` on the key first.',
  },
  unsupported_media_type: {
    when: 'The `Content-Type` is neither JSON nor a form, or the `Content-Encoding` or `Transfer-Encoding` is none that is known.',
    remedy: 'Send `application/json` or `multipart/form-data`, plain or in one of the codings that `error.accepted` lists.',
  },
  body_too_large: {
    when: 'The body exceeds `server.body_limit_bytes`, or a file `server.upload_limit_bytes`.',
    remedy: 'Send references as URLs or smaller files, or raise the limit.',
  },
  uri_too_long: { when: 'The path and the query together are longer than 8 KiB.', remedy: 'Send long values in the body.' },
  expectation_failed: {
    when: 'The header `Expect` asks for something else than `100-continue`.',
    remedy: 'Send the request without it.',
  },
  headers_too_large: { when: 'The headers exceed what the server takes.', remedy: 'Send fewer or shorter headers, cookies above all.' },
  route_not_found: { when: 'There is no such path.', remedy: 'Look it up at `/docs`; the base URL ends with `/v1`.' },
  not_acceptable: {
    when: 'The `Accept` header leaves out what the route answers with.',
    remedy: 'Accept one of the types in `error.accepted`.',
  },
  method_not_allowed: { when: 'The path exists, but not for this method.', remedy: 'Use one of the methods of the `Allow` header.' },
  request_timeout: {
    when: 'The request did not arrive within `server.body_timeout_seconds`, or stopped for `server.idle_timeout_seconds`.',
    remedy: 'Send it again.',
  },
  not_found: {
    when: 'There is no such object, or it belongs to another application, or was made with another key than the caller’s.',
    remedy: 'Check the id, and use the key that made it or one of an administrator (`admin`) of its application.',
  },
  conflict: { when: 'The object is not in a state that allows this, such as cancelling what has ended.', remedy: 'Read its status first.' },

  idempotency_key_reused: {
    when: 'The `Idempotency-Key` came before with another request.',
    remedy: 'Make a new key for every new request, and keep it for that request’s repetitions only.',
  },
  idempotency_key_invalid: {
    when: 'The `Idempotency-Key` is empty, too long or has characters that are not allowed.',
    remedy: 'Send 1 to 255 printable ASCII characters, such as a UUID.',
  },

  prompt_required: { when: 'The model needs a prompt, and there is none.', remedy: 'Send `prompt`.' },
  prompt_too_short: { when: 'The prompt is shorter than the model takes.', remedy: 'See `prompt.min_length` of the model’s schema.' },
  prompt_too_long: {
    when: 'The prompt is longer than the model takes.',
    remedy: 'See `prompt.max_length` of the model’s schema; it counts code points.',
  },
  param_unsupported: {
    when: 'The model, or the endpoint, does not take this field.',
    remedy: 'Leave it out, or send `"strict": false`, or set it for the key, to have it dropped and named in `x-litegen-dropped-params`.',
  },
  param_out_of_range: { when: 'A number lies outside its bounds.', remedy: 'See `min` and `max` of the model’s schema.' },
  param_too_long: { when: 'A text is longer than allowed.', remedy: 'Shorten it.' },
  param_enum_mismatch: { when: 'The value is none of those allowed.', remedy: 'Choose one of `error.accepted`.' },
  param_pattern_mismatch: { when: 'A text has not the form that the model wants.', remedy: 'See `pattern` of the model’s schema.' },
  param_invalid_type: { when: 'A field has the wrong type.', remedy: 'Compare it with the endpoint at `/docs`.' },
  param_invalid_text: {
    when: 'A text, or the name of a field, holds U+0000 or half of a surrogate pair.',
    remedy: 'Send whole characters; binary data goes as base64.',
  },
  ref_role_unknown: { when: 'The model has no reference role of this name.', remedy: 'Use one of `error.accepted`.' },
  ref_role_required: {
    when: 'The model needs a reference that is missing, such as a first frame.',
    remedy: 'Add a reference with that role.',
  },
  ref_total_exceeded: {
    when: 'There are more references than the model takes.',
    remedy: 'See `ref_inputs.max_total` of the model’s schema.',
  },
  ref_role_count_out_of_range: {
    when: 'There are too few or too many references of one role.',
    remedy: 'See `ref_inputs.roles` of the model’s schema.',
  },
  extra_key_unsupported: {
    when: 'A vendor option under `extra` is not on the model’s list, or is a parameter that belongs outside of it.',
    remedy: 'Use the keys of `extra_allowlist`; send a parameter by its own name. With `"strict": false` the rest is dropped and named.',
  },
  operation_unsupported: {
    when: 'The model does not do what the endpoint is for.',
    remedy: 'Choose a model by `GET /v1/models?operation=…`, or one that `error.accepted` lists.',
  },
  model_required: { when: 'The request names no model.', remedy: 'Send `model`.' },
  model_not_found: { when: 'There is no model of this name.', remedy: '`GET /v1/models` lists what the key can call.' },
  model_sunset: {
    when: 'The vendor has switched the model off, and nothing stands in for it: it has no successor, the key may not use that, or `retired_models` is `refuse`.',
    remedy: 'Use its successor, see `error.accepted`.',
  },

  url_blocked: {
    when: 'A reference’s URL leads to a private or otherwise forbidden address.',
    remedy: 'Use a public URL; an operator can open private hosts with `egress.allow`.',
  },
  webhook_url_not_allowed: {
    when: 'No webhook endpoint that hears of the request has `allow_request_urls` and the scheme, host and port of `webhook_url`.',
    remedy: 'Use a URL of an origin in `error.accepted`, or let an administrator allow it at the endpoint.',
  },
  reference_fetch_failed: {
    when: 'A reference’s URL did not answer with a file.',
    remedy: 'Check that the URL works without cookies or a login.',
  },
  reference_too_large: {
    when: 'A reference exceeds `media.max_reference_bytes` or `media.max_pixels`.',
    remedy: 'Scale it down, or raise the limit.',
  },
  reference_invalid: {
    when: 'A reference is no picture or video that can be used.',
    remedy: 'Send PNG, JPEG, WebP, GIF or AVIF; a damaged file has to be saved anew.',
  },

  authentication_required: { when: 'There is no API key.', remedy: 'Send `Authorization: Bearer sk_live_…`.' },
  invalid_api_key: { when: 'The API key is unknown, or was revoked.', remedy: 'Use another key.' },
  api_key_expired: {
    when: 'The key’s `expires_at` has passed, or the grace after a rotation is over.',
    remedy: 'Use another key, or give this one more time.',
  },
  forbidden: {
    when: 'The caller may not do this: a key that gives more than it has, or a page or host that a gateway without a master key does not know.',
    remedy: 'The message says why, `error.param` where. Ask the administrator of the gateway.',
  },
  forbidden_scope: {
    when: 'The key lacks the scope of the endpoint.',
    remedy: 'Use a key with the scope of `error.accepted`; none implies another.',
  },
  model_not_allowed: {
    when: 'The key’s `allowed_models` does not cover the model.',
    remedy: 'Use a model of `GET /v1/models`, or widen the key.',
  },

  quota_exceeded: {
    when: 'The price does not fit into what is left of a budget, that of running requests counted; `error.budget` says of which.',
    remedy: 'Raise the limit, or wait until the period ends (`resets_at`) or running requests give back what they hold.',
  },
  quote_not_found: {
    when: '`X-Litegen-Quote` names no quote of the caller’s application.',
    remedy: 'Send the `id` that `POST /v1/quote` answered, with a key of the same application.',
  },
  quote_expired: { when: 'The quote is older than `quotes.ttl_seconds`.', remedy: 'Ask for a new one; the price may be another by now.' },
  quote_mismatch: {
    when: 'The quote is for another model, or for other values of what its price depends on; `error.param` names the first.',
    remedy: 'Send what was quoted, or ask for a quote of this request.',
  },
  price_unknown: {
    when: 'The catalogue has no price for this request, so that nothing can be reserved.',
    remedy: 'Ask the operator to add a price or a `ceiling_usd` to the model.',
  },
  too_many_streams: {
    when: 'The key listens to as many streams of events as `events.streams_per_key` allows one process to keep for it.',
    remedy: 'Close some, listen to fewer generations at a time, or let webhooks tell.',
  },
  rate_limit_exceeded: { when: 'The key makes more requests than its `rpm_limit`.', remedy: 'Wait as long as `Retry-After` says.' },

  provider_not_configured: {
    when: 'The model’s provider lacks its credential.',
    remedy: 'Set what the message names; `GET /v1/providers` and `npm run doctor` show it.',
  },
  moderation_blocked: {
    when: 'The vendor refused the prompt, a reference or the result.',
    remedy: 'Change the request; another try gives the same answer.',
  },
  provider_invalid_request: {
    when: 'The vendor refused a value that the catalogue allows.',
    remedy: 'See `error.provider_error`; tell the operator, because the catalogue is wrong.',
  },
  provider_authentication_failed: { when: 'The vendor does not accept the gateway’s credential.', remedy: 'The operator has to renew it.' },
  provider_permission_denied: {
    when: 'The vendor’s account may not use the model.',
    remedy: 'The operator has to have it enabled by the vendor.',
  },
  provider_quota_exhausted: { when: 'The vendor’s account has no credit.', remedy: 'The operator has to top it up.' },
  provider_rate_limited: {
    when: 'The vendor takes no more requests for now, also after retries.',
    remedy: 'Wait as long as `Retry-After` says.',
  },
  provider_unavailable: {
    when: 'The vendor cannot be reached or is down, also after retries.',
    remedy: 'Try again later, or use another provider’s model.',
  },
  provider_timeout: { when: 'The vendor did not answer in time.', remedy: 'Look the generation up; try again if it was not charged.' },
  provider_invalid_response: {
    when: 'The vendor’s answer cannot be used, or its file is not the image or video asked for.',
    remedy: 'Try another model; the operator finds the details in the log.',
  },
  provider_internal: {
    when: 'The vendor failed, or its plugin did.',
    remedy: 'Try again later; the operator finds the details in the log.',
  },
  output_expired: {
    when: 'The vendor finished, but its link led to nothing, also when it was tried again.',
    remedy: 'Ask for it again; it was charged.',
  },
  outcome_unknown: {
    when: 'The vendor may have begun the work, but its answer did not arrive. The gateway does not send it twice, because it could be charged twice.',
    remedy: 'Decide yourself whether to send it again; the reservation stays until the vendor’s books tell.',
  },
  deadline_exceeded: { when: 'The generation had not ended by its deadline.', remedy: 'Try again, or raise the deadline.' },
  generation_cancelled: {
    when: 'The generation that was waited for was cancelled.',
    remedy: 'Send the request again if it was not meant to be.',
  },
  not_ready: {
    when: 'What was asked for is not finished.',
    remedy: 'Ask again as soon as `Retry-After` says, or wait with `Prefer: wait=N`.',
  },
  link_invalid: { when: 'A file’s link was altered or has expired.', remedy: 'Ask for the generation again; it has a fresh link.' },
  range_not_satisfiable: {
    when: 'The byte range lies outside the file.',
    remedy: 'Ask for a range within `Content-Range`, or for the whole file.',
  },

  shutting_down: { when: 'This process is being stopped.', remedy: 'Send the request again; another process takes it.' },
  service_unavailable: { when: 'The gateway has no room right now.', remedy: 'Send the request again as `Retry-After` says.' },
  database_unavailable: {
    when: 'The database does not answer. Without `generation_id` nothing was sent to a vendor and nothing is charged.',
    remedy: 'Send the request again as `Retry-After` says; with a `generation_id`, look that up instead.',
  },
  concurrency_limit_exceeded: {
    when: 'The key or its application has as many generations under way, or waiting, as it may.',
    remedy:
      'Send it again after `Retry-After`, or ask for an asynchronous answer (`Prefer: respond-async`), which waits in the queue while that has room.',
  },
  over_capacity: {
    when: 'The gateway has as much work for this model or vendor as its operator allows, or this process answers as many requests as it can.',
    remedy:
      'Send it again after `Retry-After`, or ask for an asynchronous answer (`Prefer: respond-async`), which waits in the queue while that has room.',
  },
  limiter_unavailable: {
    when: 'Redis, which counts the requests of keys with an `rpm_limit`, is away or refuses writes, and the request could spend money.',
    remedy: 'Nothing was done. Send it again after `Retry-After`; requests that cannot spend go on meanwhile, uncounted.',
  },
  storage_unavailable: {
    when: 'The disk under the database or the file store is full or read-only, or the file store cannot be reached. No vendor is called meanwhile; with a `generation_id` one had been, and its result is kept.',
    remedy:
      'Send the request again as `Retry-After` says. The operator finds the reason in `/health/ready`, in the log and by `npm run doctor`.',
  },
  internal_error: { when: 'A defect of the gateway.', remedy: 'Report it with the request id.' },
};
