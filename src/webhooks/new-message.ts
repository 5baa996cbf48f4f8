import { newWebhookId } from './ids.js';
import type { Recipient } from './matching.policy.js';
import { WebhookDeliveryEntity } from './webhook-delivery.entity.js';
import { WebhookMessageEntity } from './webhook-message.entity.js';

export function newMessage(facts: Omit<WebhookMessageEntity, 'id'>): WebhookMessageEntity {
  return Object.assign(new WebhookMessageEntity(), { id: newWebhookId('msg'), ...facts });
}

/** Due at once. */
export function newDelivery(message: WebhookMessageEntity, { endpoint, url }: Recipient): WebhookDeliveryEntity {
  return Object.assign(new WebhookDeliveryEntity(), {
    id: newWebhookId('wd'),
    messageId: message.id,
    endpointId: endpoint.id,
    orgId: message.orgId,
    appId: message.appId,
    url,
    state: 'pending' as const,
    attemptCount: 0,
    retryStep: 0,
    nextAttemptAt: message.createdAt,
    leaseOwner: null,
    leaseToken: 0,
    lastStatus: null,
    lastError: null,
    createdAt: message.createdAt,
    deliveredAt: null,
    updatedAt: message.createdAt,
  });
}
