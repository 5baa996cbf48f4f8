import { GENERATION_EVENT_TYPES } from '../../generations/index.js';

/** What happens and may be announced. */
export const EVENT_TYPES = [...GENERATION_EVENT_TYPES, 'endpoint.disabled'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** Stands for what a broken row says; nobody knows what its endpoint wants to hear. */
export const UNREADABLE_EVENT_TYPES: EventType[] = [];

/** What is stored of an endpoint's event types. One broken row must not keep the application's other endpoints from being read. */
export function eventTypesOf(stored: unknown): EventType[] {
  try {
    const types: unknown = JSON.parse(String(stored));
    return Array.isArray(types) && types.every((type) => typeof type === 'string') ? (types as EventType[]) : UNREADABLE_EVENT_TYPES;
  } catch {
    return UNREADABLE_EVENT_TYPES;
  }
}

/** Progress is many events of little weight, so it has to be asked for. */
export const DEFAULT_EVENT_TYPES: readonly EventType[] = EVENT_TYPES.filter((type) => type !== 'generation.progress');

/** What the `webhook_url` of an API key gets: a LiteGen receiver understands generations that have ended, and nothing else. */
export const KEY_URL_EVENT_TYPES: readonly EventType[] = ['generation.completed', 'generation.failed', 'generation.cancelled'];

/** `application`: all generations of the application · `key`: those of one key · `key_url`: as `key`, kept by the key's own `webhook_url`. */
export type EndpointKind = 'application' | 'key' | 'key_url';

export const ALGORITHMS = ['hmac-sha256', 'ed25519'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** `manual`: by its owner · `gone`: it answered 410 · `failing`: nothing arrived for `webhooks.disable_after_seconds`. */
export type DisabledReason = 'manual' | 'gone' | 'failing';

/** `pending` goes on being tried · `delivered` was answered with 2xx · `dead` was given up; it can be sent again by hand. */
export const DELIVERY_STATES = ['pending', 'delivered', 'dead'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];
