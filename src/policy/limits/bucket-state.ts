import type { ThrottlerStorage } from '@nestjs/throttler';

/** What one request did to its bucket. */
export type BucketState = Awaited<ReturnType<ThrottlerStorage['increment']>>;

/**
 * @param limit tokens in a full bucket
 * @param tokenMs time in which one token flows in
 * @param fullInMs time until the bucket is full
 * @param waitMs time until the next token; 0 when one was taken
 */
export function bucketState(limit: number, tokenMs: number, fullInMs: number, waitMs: number): BucketState {
  return {
    totalHits: Math.min(limit, Math.ceil(fullInMs / tokenMs - 1e-6)),
    timeToExpire: fullInMs / 1000,
    isBlocked: waitMs > 0,
    timeToBlockExpire: waitMs / 1000,
  };
}
