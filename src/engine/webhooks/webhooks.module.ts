import { Global, Module } from '@nestjs/common';
import { GenerationEvents } from '../generations/index.js';
import { DeliveriesService } from './deliveries.service.js';
import { Deliverer } from './delivery/deliverer.service.js';
import { DeliveriesRepository } from './delivery/deliveries.repository.js';
import { DeliveryLogRepository } from './delivery/delivery-log.repository.js';
import { Outcomes } from './delivery/outcomes.service.js';
import { Retention } from './delivery/retention.service.js';
import { Sender } from './delivery/sender.service.js';
import { EndpointDirectory } from './endpoints/endpoint-directory.service.js';
import { EndpointSecrets } from './endpoints/endpoint-secrets.service.js';
import { EndpointsRepository } from './endpoints/endpoints.repository.js';
import { EndpointsService } from './endpoints.service.js';
import { Announcements } from './outbox/announcements.service.js';
import { AttemptsRepository } from './outbox/attempts.repository.js';
import { GatewayOrigin } from './outbox/origin.service.js';
import { Outbox } from './outbox/outbox.service.js';
import { ProgressRepository } from './outbox/progress.repository.js';
import { ProgressAnnouncer } from './outbox/progress-announcer.service.js';
import { TestDeliveries } from './test-delivery.service.js';

/** The outbox of events and its delivery. Global, because the engine below knows only the port that it writes ends through. */
@Global()
@Module({
  providers: [
    Announcements,
    AttemptsRepository,
    Deliverer,
    DeliveriesRepository,
    DeliveriesService,
    DeliveryLogRepository,
    EndpointDirectory,
    EndpointSecrets,
    EndpointsRepository,
    EndpointsService,
    GatewayOrigin,
    Outcomes,
    ProgressAnnouncer,
    ProgressRepository,
    Retention,
    Sender,
    TestDeliveries,
    { provide: GenerationEvents, useClass: Outbox },
  ],
  exports: [DeliveriesService, EndpointSecrets, EndpointsService, GenerationEvents, TestDeliveries],
})
export class WebhooksModule {}
