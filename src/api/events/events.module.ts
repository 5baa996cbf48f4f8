import { Module } from '@nestjs/common';
import { SharedApiModule } from '../shared/index.js';
import { EventStreams } from './event-streams.service.js';
import { EventsController } from './events.controller.js';

/** Progress as server-sent events. */
@Module({ imports: [SharedApiModule], controllers: [EventsController], providers: [EventStreams] })
export class EventsModule {}
