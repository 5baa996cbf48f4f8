import { Module } from '@nestjs/common';
import { GenerationsModule } from '../../engine/generations/index.js';
import { LogsService } from './logs.service.js';
import { StatsController } from './stats.controller.js';
import { StatsService } from './stats.service.js';

/** What an application's dashboard shows about its requests. */
@Module({ imports: [GenerationsModule], controllers: [StatsController], providers: [LogsService, StatsService] })
export class StatsModule {}
