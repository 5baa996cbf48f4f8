import { Logger } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Clock } from '../../platform/common/index.js';
import type { Config } from '../../platform/config/index.js';
import { PeriodicTasks } from '../../platform/schedule/index.js';
import { LeasedWork, type LeasedWorkOptions } from './leased-work.js';

const TICK_MS = 500;
const GRACE_MS = 10_000;

describe('work under leases', () => {
  const logger = new Logger('Test');
  const log = vi.spyOn(logger, 'log').mockImplementation(() => undefined);
  const error = vi.spyOn(logger, 'error').mockImplementation(() => undefined);

  beforeEach(() => {
    vi.clearAllMocks();
    vi.useFakeTimers();
  });
  afterEach(() => void vi.useRealTimers());

  function made(options: Partial<LeasedWorkOptions>, role: 'all' | 'api' = 'all') {
    const config = { role, engine: { tick_ms: TICK_MS }, server: { shutdown_grace_seconds: GRACE_MS / 1000 } } as Config;
    const periodic = new PeriodicTasks(new SchedulerRegistry(), new Clock(), config);
    const claim = vi.fn(async () => undefined);
    const work = new LeasedWork(periodic, config, {
      name: 'test.work',
      what: 'deliveries',
      failure: 'Nothing could be claimed',
      logger,
      claim,
      ...options,
    });
    periodic.onApplicationBootstrap();
    return { work, claim };
  }

  function deferred() {
    const settle = { resolve: (): void => undefined, reject: (_error: Error): void => undefined };
    const promise = new Promise<void>((resolve, reject) => void Object.assign(settle, { resolve, reject }));
    return { promise, ...settle };
  }

  /** Whether a promise is settled by now. */
  async function isOver(promise: Promise<unknown>): Promise<boolean> {
    let over = false;
    void promise.finally(() => (over = true));
    await vi.advanceTimersByTimeAsync(0);
    return over;
  }

  it('is claimed at every tick, and soon when it is woken', async () => {
    const { work, claim } = made({});
    await vi.advanceTimersByTimeAsync(2 * TICK_MS);
    expect(claim).toHaveBeenCalledTimes(2);
    work.wake();
    await vi.advanceTimersByTimeAsync(0);
    expect(claim).toHaveBeenCalledTimes(3);
  });

  it('is not for processes whose role is api', async () => {
    const { work, claim } = made({}, 'api');
    expect(work.isOpen).toBe(false);
    await work.claim();
    await vi.advanceTimersByTimeAsync(2 * TICK_MS);
    expect(claim).not.toHaveBeenCalled();
  });

  it('is counted while it runs, and a failure of one ends that one alone', async () => {
    const counts: number[] = [];
    const { work } = made({ counted: (count) => counts.push(count) });
    const first = deferred();
    const second = deferred();
    const ended = vi.fn();
    const tracked = work.track(first.promise, 'The delivery 1', ended);
    void work.track(second.promise, 'The delivery 2');
    expect(work.count).toBe(2);
    first.reject(new Error('broken'));
    await tracked;
    expect(error.mock.calls[0]?.[0]).toBe('The delivery 1 failed and will be taken up again');
    expect(ended).toHaveBeenCalledTimes(1);
    second.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(counts).toEqual([1, 2, 1, 0]);
  });

  it('takes nothing new once it drains', async () => {
    const { work, claim } = made({});
    expect(work.isOpen).toBe(true);
    await work.drain();
    expect(work).toMatchObject({ isOpen: false, isDraining: true });
    work.wake();
    await work.claim();
    await vi.advanceTimersByTimeAsync(3 * TICK_MS);
    expect(claim).not.toHaveBeenCalled();
    expect(log).not.toHaveBeenCalled();
  });

  it('gives back what was claimed and not begun, after the claim under way and before it waits', async () => {
    const order: string[] = [];
    const claimed = deferred();
    const { work } = made({
      claim: async () => {
        await claimed.promise;
        order.push('claimed');
      },
    });
    const task = deferred();
    void work.track(task.promise, 'The delivery 1').then(() => order.push('ended'));
    void work.claim();
    const drained = work.drain(async () => void order.push('given back'));
    expect(await isOver(drained)).toBe(false);
    expect(order).toEqual([]);
    claimed.resolve();
    expect(await isOver(drained)).toBe(false);
    task.resolve();
    expect(await drained).toEqual({ waitedFor: 1, left: 0 });
    expect(order).toEqual(['claimed', 'given back', 'ended']);
    expect(log.mock.calls).toEqual([['Waiting for 1 deliveries']]);
  });

  it('waits for what runs until the grace is over, and tells what is left', async () => {
    const { work } = made({});
    void work.track(new Promise(() => undefined), 'The delivery 1');
    void work.track(new Promise((resolve) => setTimeout(resolve, GRACE_MS / 2)), 'The delivery 2');
    const drained = work.drain();
    await vi.advanceTimersByTimeAsync(GRACE_MS - 1);
    expect(await isOver(drained)).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await drained).toEqual({ waitedFor: 2, left: 1 });
  });

  it('does not wait longer than the grace for a claim that hangs', async () => {
    const { work } = made({ claim: () => new Promise(() => undefined) });
    void work.claim();
    const drained = work.drain();
    await vi.advanceTimersByTimeAsync(GRACE_MS);
    expect(await drained).toEqual({ waitedFor: 0, left: 0 });
  });
});
