import { Inject, Injectable } from '@nestjs/common';
import { ThrottlerStorage } from '@nestjs/throttler';
import { Redis, RedisUnavailable } from '../../platform/redis/index.js';
import { RATE_WINDOW_MS } from './limits.service.js';

/** Never reached, so that each count is written. */
const NO_LIMIT = 1_000_000;

/** Whether requests can be counted, found out by counting one as they are. */
@Injectable()
export class RateCheck {
  constructor(
    @Inject(ThrottlerStorage) private readonly storage: ThrottlerStorage,
    private readonly redis: Redis,
  ) {}

  /** What keeps requests from being counted, in a sentence; undefined: nothing. */
  async problem(): Promise<string | undefined> {
    try {
      await this.storage.increment('readiness', RATE_WINDOW_MS, NO_LIMIT, 0, 'readiness');
      return undefined;
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error;
      return this.redis.problem ?? error.message;
    }
  }
}
