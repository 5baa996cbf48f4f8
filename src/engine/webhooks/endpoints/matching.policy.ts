import type { GenerationEntity } from '../../generations/index.js';
import type { WebhookEndpointEntity } from './webhook-endpoint.entity.js';
import { type EventType, UNREADABLE_EVENT_TYPES } from './webhooks.types.js';

/** One delivery that an event gives rise to. */
export interface Recipient {
  readonly endpoint: WebhookEndpointEntity;
  /** What the request named instead of the endpoint's own URL. */
  readonly url: string | null;
}

/** Where in a request's `metadata` the URL for its own events stands. */
const METADATA_FIELD = 'webhook_url';

/** What of an event decides who hears of it. */
export interface Addressing {
  readonly type: EventType;
  readonly keyId: string | null;
  readonly request?: RequestTarget;
}

/** What a request named for its own events; whether it counts is for {@link recipientsOf} to say. */
export interface RequestTarget {
  readonly url: string;
  /** Absent: what the endpoint itself hears. */
  readonly events?: readonly EventType[];
}

/** The request's own field, else what its metadata says. */
export function requestTargetOf({
  webhookUrl,
  webhookEvents,
  metadata,
}: Pick<GenerationEntity, 'webhookUrl' | 'webhookEvents' | 'metadata'>): RequestTarget | undefined {
  if (webhookUrl !== null) return { url: webhookUrl, events: webhookEvents ?? [] };
  const url = metadata?.[METADATA_FIELD];
  return typeof url === 'string' ? { url } : undefined;
}

/** Everybody who is to hear of an event. */
export function recipientsOf(endpoints: readonly WebhookEndpointEntity[], event: Addressing): Recipient[] {
  const { type, keyId, request } = event;
  const able = endpoints.filter((endpoint) => isReadable(endpoint) && endpoint.disabledAt === null && concerns(endpoint, keyId));
  const hearing = able.filter(({ eventTypes }) => eventTypes.includes(type));
  // With events of its own, a request also gets what the endpoint does not hear.
  const hosts = request?.events === undefined ? hearing : request.events.includes(type) ? able : [];
  const host = request === undefined ? undefined : hostFor(hosts, keyId, request.url);
  if (request === undefined || host === undefined) return hearing.map((endpoint) => ({ endpoint, url: null }));
  return [
    ...hearing.filter((endpoint) => endpoint !== host).map((endpoint) => ({ endpoint, url: null })),
    { endpoint: host, url: request.url },
  ];
}

/** Those of which nobody knows whether they are to hear of a key's events. */
export function unreadableOf(endpoints: readonly WebhookEndpointEntity[], keyId: string | null): WebhookEndpointEntity[] {
  return endpoints.filter((endpoint) => !isReadable(endpoint) && endpoint.disabledAt === null && concerns(endpoint, keyId));
}

function isReadable({ eventTypes }: WebhookEndpointEntity): boolean {
  return eventTypes !== UNREADABLE_EVENT_TYPES;
}

/** Where requests of a key may send their events. */
export function allowedOrigins(endpoints: readonly WebhookEndpointEntity[], keyId: string | null): string[] {
  const hosts = endpoints.filter((endpoint) => endpoint.allowRequestUrls && endpoint.disabledAt === null && concerns(endpoint, keyId));
  return [...new Set(hosts.flatMap(({ url }) => originOf(url) ?? []))];
}

/** The endpoint whose secret signs for a URL that a request names: of the same origin, and allowed to be named. */
export function hostFor(
  endpoints: readonly WebhookEndpointEntity[],
  keyId: string | null,
  requestUrl: string,
): WebhookEndpointEntity | undefined {
  const origin = originOf(requestUrl);
  return endpoints.find(
    (endpoint) =>
      endpoint.allowRequestUrls && endpoint.disabledAt === null && concerns(endpoint, keyId) && originOf(endpoint.url) === origin,
  );
}

function concerns({ kind, keyId }: Pick<WebhookEndpointEntity, 'kind' | 'keyId'>, wantedKeyId: string | null): boolean {
  return kind === 'application' || keyId === wantedKeyId;
}

function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}
