import { Module } from '@nestjs/common';
import { WebhooksModule } from '../../engine/webhooks/index.js';
import { KeyWebhooksController } from './key-webhooks.controller.js';
import { WebhookDeliveriesController } from './webhook-deliveries.controller.js';
import { WebhookEndpointsController } from './webhook-endpoints.controller.js';
import { WebhookKeysController } from './webhook-keys.controller.js';

/** Webhook endpoints, what was sent to them, and what receivers verify it with. */
@Module({
  imports: [WebhooksModule],
  controllers: [WebhookEndpointsController, WebhookDeliveriesController, KeyWebhooksController, WebhookKeysController],
})
export class WebhooksApiModule {}
