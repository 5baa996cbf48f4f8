import { Module } from '@nestjs/common';
import { ThrottlerModule } from '@nestjs/throttler';
import { Clock } from '../common/index.js';
import { KeyThrottlerGuard, limitOf, RATE_WINDOW_MS } from './key-throttler.guard.js';
import { TokenBucketStorage } from './token-bucket.storage.js';

/** How often a key may call. The counters live in this process; a shared store takes their place by being another `ThrottlerStorage`. */
@Module({
  imports: [
    ThrottlerModule.forRootAsync({
      inject: [Clock],
      useFactory: (clock: Clock) => ({ throttlers: [{ ttl: RATE_WINDOW_MS, limit: limitOf }], storage: new TokenBucketStorage(clock) }),
    }),
  ],
  providers: [KeyThrottlerGuard],
  exports: [KeyThrottlerGuard],
})
export class LimitsModule {}
