import { describe, expect, it } from 'vitest';
import { Clock } from '../../platform/common/index.js';
import { TokenBucketStorage } from './token-bucket.storage.js';

const MINUTE_MS = 60_000;

class SetClock extends Clock {
  ms = 5_000_000;
  override monotonicMs(): number {
    return this.ms;
  }
}

function bucket() {
  const clock = new SetClock();
  const storage = new TokenBucketStorage(clock);
  return { clock, storage, hit: (limit: number, key = 'key') => storage.increment(key, MINUTE_MS, limit) };
}

describe('TokenBucketStorage', () => {
  it('lets a burst of the limit through and not one more', async () => {
    const { hit } = bucket();
    for (let used = 1; used <= 60; used += 1) expect(await hit(60)).toMatchObject({ isBlocked: false, totalHits: used });
    expect(await hit(60)).toEqual({ isBlocked: true, totalHits: 60, timeToExpire: 60, timeToBlockExpire: 1 });
  });

  it.each([1, 3, 7, 60, 59_999, 1_000_000])('counts exactly with a limit of %i', async (limit) => {
    const { hit } = bucket();
    for (let used = 1; used < limit; used += 1) await hit(limit);
    expect(await hit(limit)).toMatchObject({ isBlocked: false, totalHits: limit });
    expect(await hit(limit)).toMatchObject({ isBlocked: true, totalHits: limit });
  });

  it('gives tokens back evenly, and a refused request costs none', async () => {
    const { clock, hit } = bucket();
    for (let used = 0; used < 60; used += 1) await hit(60);
    for (let refused = 0; refused < 100; refused += 1) expect((await hit(60)).isBlocked).toBe(true);
    clock.ms += 2_000;
    expect((await hit(60)).isBlocked).toBe(false);
    expect((await hit(60)).isBlocked).toBe(false);
    expect((await hit(60)).isBlocked).toBe(true);
    clock.ms += MINUTE_MS;
    expect(await hit(60)).toMatchObject({ isBlocked: false, totalHits: 1 });
  });

  it('keeps buckets apart', async () => {
    const { hit } = bucket();
    expect((await hit(1, 'one')).isBlocked).toBe(false);
    expect((await hit(1, 'one')).isBlocked).toBe(true);
    expect((await hit(1, 'two')).isBlocked).toBe(false);
  });

  it('takes 200,000 hits on one key in the space of one', async () => {
    const { clock, storage, hit } = bucket();
    let allowed = 0;
    for (let count = 0; count < 200_000; count += 1) {
      clock.ms += 1;
      if (!(await hit(6000)).isBlocked) allowed += 1;
    }
    expect(storage.size).toBe(1);
    // The burst, and what flowed in during 200 seconds.
    expect(allowed).toBe(6000 + 20_000);
  });

  it('forgets buckets that are full again', async () => {
    const { clock, storage, hit } = bucket();
    for (let count = 0; count < 20_000; count += 1) {
      clock.ms += 1000;
      await hit(60, `key ${count}`);
    }
    expect(storage.size).toBeLessThan(2048);
  });
});
