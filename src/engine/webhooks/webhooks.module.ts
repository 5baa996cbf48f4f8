import { Global, Module } from '@nestjs/common';
import { GenerationEvents } from '../generations/index.js';
import { Announcements } from './announcements.service.js';
import { AttemptsRepository } from './attempts.repository.js';
import { Deliverer } from './deliverer.service.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import { DeliveriesService } from './deliveries.service.js';
import { DeliveryLogRepository } from './delivery-log.repository.js';
import { EndpointDirectory } from './endpoint-directory.service.js';
import { EndpointSecrets } from './endpoint-secrets.service.js';
import { EndpointsRepository } from './endpoints.repository.js';
import { EndpointsService } from './endpoints.service.js';
import { GatewayOrigin } from './origin.service.js';
import { Outbox } from './outbox.service.js';
import { Outcomes } from './outcomes.service.js';
import { ProgressRepository } from './progress.repository.js';
import { ProgressAnnouncer } from './progress-announcer.service.js';
import { Retention } from './retention.service.js';
import { Sender } from './sender.service.js';
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
