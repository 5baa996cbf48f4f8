import { describe, expect, it } from 'vitest';
import { LoopShare, Semaphore } from './concurrency.js';

describe('Semaphore', () => {
  it('never runs more than it may, and runs all, in the order of asking', async () => {
    const semaphore = new Semaphore(2);
    const begun: number[] = [];
    let running = 0;
    let most = 0;
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        semaphore.run(async () => {
          begun.push(index);
          running += 1;
          most = Math.max(most, running);
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
          return index;
        }),
      ),
    );
    expect(most).toBe(2);
    expect(begun).toEqual(results);
  });

  it('is free again after a failure', async () => {
    const semaphore = new Semaphore(1);
    await expect(semaphore.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    await expect(semaphore.run(() => Promise.resolve('next'))).resolves.toBe('next');
  });
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('LoopShare', () => {
  it('lets so many slices run in a turn, and the rest in the next ones', async () => {
    const share = new LoopShare(3);
    let done = 0;
    const work = Array.from({ length: 8 }, async () => {
      await share.take();
      done += 1;
    });
    const seen: number[] = [];
    while (done < 8) {
      await Promise.resolve();
      seen.push(done);
      await turn();
    }
    expect(Math.max(...seen.map((count, index) => count - (seen[index - 1] ?? 0)))).toBe(3);
    await Promise.all(work);
  });

  it('makes nobody wait who is alone', async () => {
    const share = new LoopShare(1);
    expect(share.take()).toBeUndefined();
    expect(share.take()).toBeInstanceOf(Promise);
    await turn();
    await turn();
    expect(share.take()).toBeUndefined();
  });

  it('serves first who began first, however late it asks', async () => {
    const share = new LoopShare(1);
    const [first, second, third] = [share.join(), share.join(), share.join()];
    expect(share.take()).toBeUndefined();
    const served: number[] = [];
    const waiting = [third, first, second].map(async (order) => {
      await share.take(order);
      served.push(order);
    });
    await Promise.all(waiting);
    expect(served).toEqual([first, second, third]);
  });
});
