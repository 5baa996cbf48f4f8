import { Global, Module } from '@nestjs/common';
import { METRIC_PROVIDERS } from './metrics.definitions.js';
import { MetricsService } from './metrics.service.js';

/** What is counted and measured. */
@Global()
@Module({
  providers: [...METRIC_PROVIDERS, MetricsService],
  exports: [MetricsService],
})
export class MetricsModule {}
