import type { ThrottlerStorage } from '@nestjs/throttler';
import { type Redis, script } from '../../platform/redis/index.js';
import { type BucketState, bucketState } from './bucket-state.js';

/**
 * Of one bucket Redis keeps the time at which it is full again, in microseconds of its own clock, which is the same for all replicas.
 * Numbers go back as text, because Lua's would lose their fractions.
 */
const TAKE = script(`
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local refill = ARGV[1] * 1000
local token = refill / ARGV[2]
local before = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local after = before + token
if after - now > refill + token / 2 then
  return { string.format('%.3f', before - now), string.format('%.3f', after - now - refill) }
end
redis.call('SET', KEYS[1], string.format('%.17g', after), 'PX', math.ceil((after - now) / 1000))
return { string.format('%.3f', after - now), '0' }
`);

const MICROSECONDS_PER_MS = 1000;

/** The same token bucket as that of one process, kept where all replicas see it. */
export class RedisBucketStorage implements ThrottlerStorage {
  constructor(private readonly redis: Redis) {}

  /** @throws RedisUnavailable */
  async increment(key: string, ttl: number, limit: number): Promise<BucketState> {
    const [fullIn, wait] = (await this.redis.eval(TAKE, [`rate:${key}`], [ttl, limit])) as [string, string];
    return bucketState(limit, ttl / limit, Number(fullIn) / MICROSECONDS_PER_MS, Number(wait) / MICROSECONDS_PER_MS);
  }
}
