import { Global, Module } from '@nestjs/common';
import { ThrottlerModule } from '@nestjs/throttler';
import { AuthModule } from '../../domain/access/index.js';
import { Clock } from '../../platform/common/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { Redis } from '../../platform/redis/index.js';
import { CapacityLimits, GenerationRates, KeyThrottlerGuard, limitOf, RATE_WINDOW_MS, type Rate } from './limits.service.js';
import { RateCheck } from './rate-check.service.js';
import { RedisBucketStorage } from './redis-bucket.storage.js';
import { TokenBucketStorage } from './token-bucket.storage.js';

const THROTTLED: readonly Rate[] = ['key', 'application'];

/**
 * How often callers may call, and how much may be under way. Rates are counted in this process, or in Redis where it is configured, which
 * makes them exact across replicas; what is under way is counted in the database.
 */
@Global()
@Module({
  imports: [
    AuthModule,
    ThrottlerModule.forRootAsync({
      inject: [Clock, Redis, CONFIG],
      useFactory: (clock: Clock, redis: Redis, config: Config) => ({
        throttlers: THROTTLED.map((name) => ({ name, ttl: RATE_WINDOW_MS, limit: (context) => limitOf(name, context, config) })),
        storage: redis.isConfigured ? new RedisBucketStorage(redis) : new TokenBucketStorage(clock),
      }),
    }),
  ],
  providers: [CapacityLimits, GenerationRates, KeyThrottlerGuard, RateCheck],
  exports: [CapacityLimits, GenerationRates, KeyThrottlerGuard, RateCheck],
})
export class LimitsModule {}
