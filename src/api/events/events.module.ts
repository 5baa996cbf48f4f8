import { Module } from '@nestjs/common';
import { DoorsModule } from '../shared/index.js';
import { EventStreams } from './event-streams.service.js';
import { EventsController } from './events.controller.js';

/** Progress as server-sent events. */
@Module({ imports: [DoorsModule], controllers: [EventsController], providers: [EventStreams] })
export class EventsModule {}
