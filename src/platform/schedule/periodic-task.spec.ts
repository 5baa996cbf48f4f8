import { AsyncLocalStorage } from 'node:async_hooks';
import { SchedulerRegistry } from '@nestjs/schedule';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Clock } from '../common/index.js';
import type { PeriodicTask, PeriodicTaskOptions, RunCause } from './periodic-task.js';
import { PeriodicTasks } from './periodic-tasks.service.js';

const INTERVAL_MS = 1_000;

describe('a periodic task', () => {
  const logger = { error: vi.fn(), warn: vi.fn(), debug: vi.fn() };
  beforeEach(() => {
    vi.clearAllMocks();
    vi.useFakeTimers();
  });
  afterEach(() => void vi.useRealTimers());

  function made(options: Partial<PeriodicTaskOptions> & Pick<PeriodicTaskOptions, 'run'>, role: 'all' | 'api' = 'all') {
    const registry = new SchedulerRegistry();
    const periodic = new PeriodicTasks(registry, new Clock(), { role });
    const task = periodic.add({ name: 'test.task', intervalMs: INTERVAL_MS, failure: 'It failed', logger, ...options });
    return { registry, task, bootstrap: () => periodic.onApplicationBootstrap() };
  }

  /** Runs that end when they are told to. */
  function slow() {
    const causes: RunCause[] = [];
    const ends: (() => void)[] = [];
    const run = (cause: RunCause): Promise<void> => {
      causes.push(cause);
      return new Promise((resolve) => ends.push(resolve));
    };
    const end = async (): Promise<void> => {
      ends.shift()?.();
      await vi.advanceTimersByTimeAsync(0);
    };
    return { run, end, causes };
  }

  async function failing(task: PeriodicTask, times: number): Promise<void> {
    for (let count = 0; count < times; count += 1) await task.run();
  }

  it('runs at its interval, under its name in the registry of @nestjs/schedule, and stops with what is deleted there', async () => {
    const run = vi.fn();
    const { registry, bootstrap } = made({ run });
    bootstrap();
    expect(registry.getIntervals()).toEqual(['test.task']);
    await vi.advanceTimersByTimeAsync(3 * INTERVAL_MS);
    expect(run).toHaveBeenCalledTimes(3);
    registry.deleteInterval('test.task');
    await vi.advanceTimersByTimeAsync(3 * INTERVAL_MS);
    expect(run).toHaveBeenCalledTimes(3);
  });

  it('never overlaps itself, and leaves out the ticks that find it running', async () => {
    const { run, end, causes } = slow();
    const { task, bootstrap } = made({ run });
    bootstrap();
    await vi.advanceTimersByTimeAsync(5 * INTERVAL_MS);
    const joined = task.run();
    expect(causes).toEqual(['due']);
    await end();
    await joined;
    await vi.advanceTimersByTimeAsync(INTERVAL_MS - 1);
    expect(causes).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(causes).toHaveLength(2);
  });

  it('is run once more after the run during which it was woken, however often', async () => {
    const { run, end, causes } = slow();
    const { task, bootstrap } = made({ run });
    bootstrap();
    task.wake();
    await vi.advanceTimersByTimeAsync(0);
    for (let count = 0; count < 3; count += 1) {
      task.wake();
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(causes).toEqual(['woken']);
    await end();
    expect(causes).toEqual(['woken', 'woken']);
    await end();
    expect(causes).toHaveLength(2);
  });

  it('answers what wakes it within its gather time by one run', async () => {
    const run = vi.fn();
    const { task, bootstrap } = made({ run, gatherMs: 20 });
    bootstrap();
    task.wake();
    await vi.advanceTimersByTimeAsync(10);
    task.wake();
    expect(run).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(10);
    expect(run).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('waits for the application to be bootstrapped, also when it is woken before', async () => {
    const run = vi.fn();
    const { task, bootstrap } = made({ run });
    task.wake();
    await vi.advanceTimersByTimeAsync(3 * INTERVAL_MS);
    expect(run).not.toHaveBeenCalled();
    bootstrap();
    await vi.advanceTimersByTimeAsync(0);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('never runs where the role of the process leaves it to others', async () => {
    const run = vi.fn();
    const { registry, task, bootstrap } = made({ run, isForWorkers: true }, 'api');
    bootstrap();
    task.wake();
    await task.run();
    await vi.advanceTimersByTimeAsync(3 * INTERVAL_MS);
    expect(run).not.toHaveBeenCalled();
    expect(registry.getIntervals()).toEqual([]);
    const everywhere = made({ run }, 'api');
    everywhere.bootstrap();
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('does not run in the context of whoever woke it', async () => {
    const context = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const { task, bootstrap } = made({ run: () => seen.push(context.getStore()) });
    bootstrap();
    context.run('a transaction', () => task.wake());
    await vi.advanceTimersByTimeAsync(0);
    expect(seen).toEqual([undefined]);
  });

  it('goes on after a failure, and logs each kind of it once until it works again', async () => {
    let error: Error | undefined = new Error('broken after 3 ms');
    const run = vi.fn(() => (error === undefined ? Promise.resolve() : Promise.reject(error)));
    const { task, bootstrap } = made({ run });
    bootstrap();
    await vi.advanceTimersByTimeAsync(2 * INTERVAL_MS);
    error = new Error('broken after 4 ms');
    await failing(task, 2);
    expect(run).toHaveBeenCalledTimes(4);
    expect(logger.warn.mock.calls).toEqual([['It failed: Error: broken after 3 ms']]);
    expect(logger.debug).toHaveBeenCalledTimes(3);
    error = new Error('lost');
    await failing(task, 2);
    expect(logger.warn.mock.lastCall).toEqual(['It failed: Error: lost']);
    expect(logger.warn).toHaveBeenCalledTimes(2);
    error = undefined;
    await task.run();
    error = new Error('lost');
    await failing(task, 2);
    expect(logger.warn).toHaveBeenCalledTimes(3);
  });

  it('does not take a run that tried nothing for one that worked', async () => {
    const run = vi.fn(() => (run.mock.calls.length === 2 ? Promise.resolve('skipped') : Promise.reject(new Error('broken'))));
    const { task } = made({ run });
    await failing(task, 3);
    expect(logger.warn).toHaveBeenCalledTimes(1);
  });

  it('logs a failure that goes on again after ten minutes', async () => {
    const { task } = made({ run: () => Promise.reject(new Error('broken')) });
    await failing(task, 2);
    await vi.advanceTimersByTimeAsync(600_000);
    await failing(task, 2);
    expect(logger.warn).toHaveBeenCalledTimes(2);
  });

  it('shows the stack of what is an error, but not while the database is unavailable', async () => {
    let error = new Error('a fault of ours');
    const { task } = made({ run: () => Promise.reject(error), failureLevel: 'error' });
    await task.run();
    expect(logger.error.mock.calls).toEqual([['It failed', error.stack]]);
    error = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    await task.run();
    expect(logger.error).toHaveBeenCalledTimes(1);
    expect(logger.warn.mock.calls).toEqual([['It failed: Error: connect ECONNREFUSED']]);
  });

  it('is stopped when the run under way is over, and is not woken any more', async () => {
    const { run, end, causes } = slow();
    const { registry, task, bootstrap } = made({ run });
    bootstrap();
    void task.run();
    let isStopped = false;
    task.wake();
    void task.stop().then(() => (isStopped = true));
    await vi.advanceTimersByTimeAsync(3 * INTERVAL_MS);
    expect(isStopped).toBe(false);
    await end();
    expect(isStopped).toBe(true);
    task.wake();
    await task.run();
    await vi.advanceTimersByTimeAsync(3 * INTERVAL_MS);
    expect(causes).toEqual(['due']);
    expect(registry.getIntervals()).toEqual([]);
  });
});
