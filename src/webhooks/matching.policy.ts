import type { JsonObject } from '@litegen/plugin-sdk';
import type { WebhookEndpointEntity } from './webhook-endpoint.entity.js';
import type { EventType } from './webhooks.types.js';

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
  /** The URL that the request named for its own events. */
  readonly requestUrl?: string;
}

/** What a request named for its own events; whether it counts is for {@link recipientsOf} to say. */
export function requestUrlOf(metadata: JsonObject | null): string | undefined {
  const url = metadata?.[METADATA_FIELD];
  return typeof url === 'string' ? url : undefined;
}

/** Everybody who is to hear of an event. */
export function recipientsOf(endpoints: readonly WebhookEndpointEntity[], event: Addressing): Recipient[] {
  const concerned = endpoints.filter(({ eventTypes, disabledAt, ...endpoint }) => {
    return disabledAt === null && eventTypes.includes(event.type) && concerns(endpoint, event.keyId);
  });
  const named = event.requestUrl === undefined ? undefined : hostFor(concerned, event.keyId, event.requestUrl);
  return concerned.map((endpoint) => ({ endpoint, url: endpoint === named ? (event.requestUrl ?? null) : null }));
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
