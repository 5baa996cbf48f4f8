import { Module } from '@nestjs/common';
import { CacheModule } from '../cache/index.js';
import { GenerationsModule } from '../generations/index.js';
import { HealthController } from './health.controller.js';
import { HealthService } from './health.service.js';

@Module({ imports: [CacheModule, GenerationsModule], controllers: [HealthController], providers: [HealthService] })
export class HealthModule {}
