import { Module } from '@nestjs/common';
import { GenerationsModule } from '../../engine/generations/index.js';
import { CacheModule } from '../../policy/cache/index.js';
import { HealthController } from './health.controller.js';
import { HealthService } from './health.service.js';

@Module({ imports: [CacheModule, GenerationsModule], controllers: [HealthController], providers: [HealthService] })
export class HealthModule {}
