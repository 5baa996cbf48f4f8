import type { ThrottlerStorage } from '@nestjs/throttler';
import type { Clock } from '../../platform/common/index.js';
import { type BucketState, bucketState } from './bucket-state.js';

const FIRST_SWEEP_SIZE = 1024;

/**
 * A token bucket per key: it holds `limit` requests and refills evenly over `ttl`. All that is kept is one number, the time at which the
 * bucket is full again (the generic cell rate algorithm), so memory and work are the same for the first and for the millionth request.
 * The library's own storage keeps every hit, and fails above some 125,000 of them.
 */
export class TokenBucketStorage implements ThrottlerStorage {
  private readonly fullAtMs = new Map<string, number>();
  private sweepSize = FIRST_SWEEP_SIZE;

  constructor(private readonly clock: Clock) {}

  /** How many buckets are not full. */
  get size(): number {
    return this.fullAtMs.size;
  }

  /**
   * Takes a token if there is one; a refused request takes none.
   * @param ttl milliseconds in which an empty bucket refills
   * @param limit tokens in a full bucket
   * @returns `timeToExpire`: seconds until the bucket is full; `timeToBlockExpire`: seconds until the next token, 0 when not blocked
   */
  increment(key: string, ttl: number, limit: number): Promise<BucketState> {
    // Small numbers keep the sum of a million fractions of a millisecond exact enough, and no jump of the wall clock refills a bucket.
    const now = this.clock.monotonicMs();
    const tokenMs = ttl / limit;
    const before = Math.max(this.fullAtMs.get(key) ?? now, now);
    const after = before + tokenMs;
    // Half a token of slack absorbs the rounding of `ttl / limit`.
    const isBlocked = after - now > ttl + tokenMs / 2;
    const fullAt = isBlocked ? before : after;
    if (!isBlocked) this.store(key, after, now);
    return Promise.resolve(bucketState(limit, tokenMs, fullAt - now, isBlocked ? after - now - ttl : 0));
  }

  private store(key: string, fullAtMs: number, now: number): void {
    this.fullAtMs.set(key, fullAtMs);
    if (this.fullAtMs.size < this.sweepSize) return;
    // A full bucket is the same as none.
    for (const [known, fullAt] of this.fullAtMs) if (fullAt <= now) this.fullAtMs.delete(known);
    this.sweepSize = Math.max(FIRST_SWEEP_SIZE, this.fullAtMs.size * 2);
  }
}
