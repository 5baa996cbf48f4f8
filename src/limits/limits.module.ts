import { Module } from '@nestjs/common';
import { ThrottlerModule } from '@nestjs/throttler';
import { Clock } from '../common/index.js';
import { Redis } from '../redis/index.js';
import { KeyThrottlerGuard, limitOf, RATE_WINDOW_MS } from './key-throttler.guard.js';
import { RedisBucketStorage } from './redis-bucket.storage.js';
import { TokenBucketStorage } from './token-bucket.storage.js';

/** How often a key may call. The counters live in this process, or in Redis where it is configured, which makes them exact across replicas. */
@Module({
  imports: [
    ThrottlerModule.forRootAsync({
      inject: [Clock, Redis],
      useFactory: (clock: Clock, redis: Redis) => ({
        throttlers: [{ ttl: RATE_WINDOW_MS, limit: limitOf }],
        storage: redis.isConfigured ? new RedisBucketStorage(redis) : new TokenBucketStorage(clock),
      }),
    }),
  ],
  providers: [KeyThrottlerGuard],
  exports: [KeyThrottlerGuard],
})
export class LimitsModule {}
