export { DeliveriesService, type DeliveryDetailView } from './deliveries.service.js';
export type { DeliveryFilter, DeliverySummary, KeyAttempt } from './delivery/delivery-log.repository.js';
export { WebhookAttemptEntity } from './delivery/webhook-attempt.entity.js';
export { WebhookDeliveryEntity } from './delivery/webhook-delivery.entity.js';
export { WebhookMessageEntity } from './delivery/webhook-message.entity.js';
export { EndpointSecrets } from './endpoints/endpoint-secrets.service.js';
export { jwkOf, serializedPublicKey } from './endpoints/signing.policy.js';
export { WebhookEndpointEntity } from './endpoints/webhook-endpoint.entity.js';
export {
  ALGORITHMS,
  type Algorithm,
  DEFAULT_EVENT_TYPES,
  DELIVERY_STATES,
  type DeliveryState,
  type DisabledReason,
  type EndpointKind,
  EVENT_TYPES,
  type EventType,
} from './endpoints/webhooks.types.js';
export { type EndpointChange, EndpointsService, type NewEndpoint } from './endpoints.service.js';
export { TestDeliveries, type TestDelivery } from './test-delivery.service.js';
export { WebhooksModule } from './webhooks.module.js';
