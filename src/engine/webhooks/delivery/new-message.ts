import { newWebhookId } from '../endpoints/ids.js';
import type { Recipient } from '../endpoints/matching.policy.js';
import type { ClaimedDelivery } from './deliveries.repository.js';
import { WebhookDeliveryEntity } from './webhook-delivery.entity.js';
import { WebhookMessageEntity } from './webhook-message.entity.js';

export interface DeliveryLease {
  readonly owner: string;
  readonly untilMs: number;
  /** Sent later than this, it might still be under way when the lease ends, or go where the endpoint was. */
  readonly startByMs: number;
}

export function newMessage(facts: Omit<WebhookMessageEntity, 'id'>): WebhookMessageEntity {
  return Object.assign(new WebhookMessageEntity(), { id: newWebhookId('msg'), ...facts });
}

/** Due at once, or when the lease ends under which this process sends it at once. */
export function newDelivery(message: WebhookMessageEntity, { endpoint, url }: Recipient, lease?: DeliveryLease): WebhookDeliveryEntity {
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
    nextAttemptAt: lease?.untilMs ?? message.createdAt,
    leaseOwner: lease?.owner ?? null,
    leaseToken: lease === undefined ? 0 : 1,
    lastStatus: null,
    lastError: null,
    createdAt: message.createdAt,
    deliveredAt: null,
    updatedAt: message.createdAt,
  });
}

/** A delivery that was written under a lease of this process, as if it had been claimed. */
export function claimed(delivery: WebhookDeliveryEntity, { type, body }: WebhookMessageEntity): ClaimedDelivery {
  const { id, endpointId, messageId, orgId, appId, url, attemptCount, retryStep, leaseToken, createdAt } = delivery;
  return { id, endpointId, messageId, orgId, appId, url, attemptCount, retryStep, leaseToken, createdAt, type, body };
}
