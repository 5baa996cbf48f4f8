import {
  type DeliveryDetailView,
  type DeliveryFilter,
  type DeliveryState,
  type DeliverySummary,
  type EndpointChange,
  jwkOf,
  type KeyAttempt,
  type NewEndpoint,
  serializedPublicKey,
  type TestDelivery,
  type WebhookEndpointEntity,
} from '../../engine/webhooks/index.js';
import { endOf, timeOf } from '../../platform/common/index.js';
import type { KeyWebhookDelivery, TestWebhookResponse, WebhookDelivery, WebhookDeliveryDetail } from './dto/delivery.dto.js';
import type { CreateEndpointRequest, PatchEndpointRequest, WebhookEndpoint } from './dto/endpoint.dto.js';

export function toEndpoint(endpoint: WebhookEndpointEntity, nowMs: number): WebhookEndpoint {
  const { publicKey, previousExpiresAt } = endpoint;
  return {
    id: endpoint.id,
    kind: endpoint.kind,
    key_id: endpoint.keyId,
    url: endpoint.url,
    description: endpoint.description,
    event_types: endpoint.eventTypes,
    allow_request_urls: endpoint.allowRequestUrls,
    algorithm: endpoint.algorithm,
    public_key: publicKey === null ? null : serializedPublicKey(publicKey),
    public_key_id: publicKey === null ? null : jwkOf(publicKey).kid,
    previous_secret_expires_at: previousExpiresAt !== null && previousExpiresAt > nowMs ? iso(previousExpiresAt) : null,
    disabled_at: isoOrNull(endpoint.disabledAt),
    disabled_reason: endpoint.disabledReason,
    consecutive_failures: endpoint.consecutiveFailures,
    failing_since: isoOrNull(endpoint.failingSince),
    paused_until: isoOrNull(endpoint.pausedUntil),
    created_at: iso(endpoint.createdAt),
    updated_at: iso(endpoint.updatedAt),
  };
}

export function toDelivery({ delivery, message }: DeliverySummary): WebhookDelivery {
  return {
    id: delivery.id,
    message_id: message.id,
    endpoint_id: delivery.endpointId,
    type: message.type,
    generation_id: message.generationId,
    state: delivery.state,
    attempts: delivery.attemptCount,
    next_attempt_at: isoOrNull(delivery.nextAttemptAt),
    last_status: delivery.lastStatus,
    last_error: delivery.lastError,
    created_at: iso(delivery.createdAt),
    delivered_at: isoOrNull(delivery.deliveredAt),
  };
}

export function toDeliveryDetail(view: DeliveryDetailView): WebhookDeliveryDetail {
  return {
    ...toDelivery(view),
    payload: view.message.body,
    attempt_log: view.attempts.map((attempt) => ({
      id: attempt.id,
      ordinal: attempt.ordinal,
      url: attempt.url,
      status: attempt.status,
      success: attempt.success,
      response_body: attempt.responseSnippet,
      error: attempt.error,
      duration_ms: attempt.durationMs,
      created_at: iso(attempt.createdAt),
    })),
  };
}

export function toTestResponse({ messageId, outcome }: TestDelivery): TestWebhookResponse {
  return {
    delivered: outcome.success,
    status_code: outcome.status,
    error: outcome.error,
    message_id: messageId,
    duration_ms: outcome.durationMs,
    response_body: outcome.snippet,
  };
}

export function toKeyDelivery(attempt: KeyAttempt): KeyWebhookDelivery {
  return {
    id: attempt.id,
    key_id: attempt.keyId,
    generation_id: attempt.generationId,
    url: attempt.url,
    attempt_number: attempt.ordinal,
    status_code: attempt.status,
    success: Boolean(attempt.success),
    response_body: attempt.snippet,
    error_message: attempt.error,
    payload_json: attempt.body,
    created_at: iso(attempt.createdAt),
  };
}

export function toNewEndpoint(body: CreateEndpointRequest): NewEndpoint {
  const { url, key_id: keyId, description, event_types: eventTypes, algorithm, allow_request_urls: allowRequestUrls } = body;
  return { url, keyId, description, eventTypes, algorithm, allowRequestUrls };
}

export function toEndpointChange(body: PatchEndpointRequest): EndpointChange {
  const { url, description, event_types: eventTypes, allow_request_urls: allowRequestUrls, disabled } = body;
  return { url, description, eventTypes, allowRequestUrls, disabled };
}

/** A query or body, in the log's terms. */
export function toFilter(query: {
  readonly state?: DeliveryState | 'all';
  readonly since?: string;
  readonly until?: string;
}): DeliveryFilter {
  return {
    ...(query.state === undefined || query.state === 'all' ? {} : { state: query.state }),
    ...(query.since === undefined ? {} : { sinceMs: timeOf('since', query.since).ms }),
    ...(query.until === undefined ? {} : { untilMs: endOf(timeOf('until', query.until)) }),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}
