export { DeliveriesService, type DeliveryDetailView } from './deliveries.service.js';
export type { DeliveryFilter, DeliverySummary, KeyAttempt } from './delivery-log.repository.js';
export { EndpointSecrets } from './endpoint-secrets.service.js';
export { type EndpointChange, EndpointsService, type NewEndpoint } from './endpoints.service.js';
export { jwkOf, serializedPublicKey } from './signing.policy.js';
export { TestDeliveries, type TestDelivery } from './test-delivery.service.js';
export { WebhookAttemptEntity } from './webhook-attempt.entity.js';
export { WebhookDeliveryEntity } from './webhook-delivery.entity.js';
export { WebhookEndpointEntity } from './webhook-endpoint.entity.js';
export { WebhookMessageEntity } from './webhook-message.entity.js';
export { WebhooksModule } from './webhooks.module.js';
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
} from './webhooks.types.js';
