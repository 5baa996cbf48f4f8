export { WebhookAttemptEntity } from './webhook-attempt.entity.js';
export { WebhookDeliveryEntity } from './webhook-delivery.entity.js';
export { WebhookEndpointEntity } from './webhook-endpoint.entity.js';
export { WebhookMessageEntity } from './webhook-message.entity.js';
export { WebhooksModule } from './webhooks.module.js';
