import type { Tenant } from '../../../domain/access/index.js';
import type { EndpointSecrets } from './endpoint-secrets.service.js';
import { newWebhookId } from './ids.js';
import { HEALTHY } from './retry.policy.js';
import { WebhookEndpointEntity } from './webhook-endpoint.entity.js';
import type { Algorithm, EndpointKind, EventType } from './webhooks.types.js';

export interface EndpointWish {
  readonly kind: EndpointKind;
  readonly keyId: string | null;
  readonly url: string;
  readonly description: string | null;
  readonly eventTypes: readonly EventType[];
  readonly algorithm: Algorithm;
  readonly allowRequestUrls: boolean;
}

/** An endpoint with a secret of its own. */
export function newEndpoint({ orgId, appId }: Tenant, wish: EndpointWish, secrets: EndpointSecrets, nowMs: number): WebhookEndpointEntity {
  const id = newWebhookId('we');
  return Object.assign(new WebhookEndpointEntity(), {
    id,
    orgId,
    appId,
    ...wish,
    eventTypes: [...wish.eventTypes],
    ...secrets.create(id, wish.algorithm),
    previousAlgorithm: null,
    previousSecret: null,
    previousPublicKey: null,
    previousExpiresAt: null,
    disabledAt: null,
    disabledReason: null,
    ...HEALTHY,
    createdAt: nowMs,
    updatedAt: nowMs,
    deletedAt: null,
  });
}
