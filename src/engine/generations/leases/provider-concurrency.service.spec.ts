import { describe, expect, it } from 'vitest';
import { Clock } from '../../../platform/common/index.js';
import { configSchema } from '../../../platform/config/index.js';
import type { MetricsService } from '../../../platform/metrics/index.js';
import { ProviderConcurrency } from './provider-concurrency.service.js';

class SetClock extends Clock {
  ms = 1_000;
  override monotonicMs(): number {
    return this.ms;
  }
}

/** Gauges that are set and never read. */
const METRICS: Pick<MetricsService, 'tasksInFlight' | 'pollLimit'> = { tasksInFlight: () => {}, pollLimit: () => {} };

function concurrency() {
  const clock = new SetClock();
  const config = configSchema.parse({ engine: { max_concurrent_tasks: 3, max_concurrent_polls: 8 } });
  return { clock, concurrency: new ProviderConcurrency(clock, METRICS as MetricsService, config) };
}

describe('provider concurrency', () => {
  it('bound each kind of work of each vendor by itself', () => {
    const { concurrency: one } = concurrency();
    const leaves = [1, 2, 3].map((number) => one.enter(`fal-${number}`, 'fal', 'submit'));
    expect([one.room('fal', 'submit'), one.room('fal', 'poll'), one.room('fal', 'fetch')]).toEqual([0, 8, 3]);
    expect(one.room('openai', 'submit')).toBe(3);
    leaves[0]?.();
    expect(one.room('fal', 'submit')).toBe(1);
  });

  it('are changed when a job’s files are fetched, if there is room', () => {
    const { concurrency: one } = concurrency();
    const leave = one.enter('a', 'fal', 'poll');
    expect(one.move('a', 'fetch', false)).toBe(true);
    expect([one.room('fal', 'poll'), one.room('fal', 'fetch')]).toEqual([8, 2]);
    one.enter('b', 'fal', 'fetch');
    one.enter('c', 'fal', 'fetch');
    one.enter('d', 'fal', 'poll');
    expect(one.move('d', 'fetch', false)).toBe(false);
    expect(one.room('fal', 'poll')).toBe(7);
    expect(one.move('d', 'fetch', true)).toBe(true);
    expect([one.room('fal', 'poll'), one.room('fal', 'fetch')]).toEqual([8, 0]);
    leave();
    expect(one.room('fal', 'fetch')).toBe(0);
  });

  it('of a vendor that leaves polls unanswered shrink to one and grow again with its answers', () => {
    const { concurrency: one } = concurrency();
    const rooms: number[] = [];
    for (const hasAnswered of [false, false, false, false, true, true, true, true, true, true, true, true]) {
      one.polled('fal', hasAnswered);
      rooms.push(one.room('fal', 'poll'));
    }
    expect(rooms).toEqual([4, 2, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8]);
    expect(one.room('openai', 'poll')).toBe(8);
  });

  it('know a vendor that answers nothing at all', () => {
    const { concurrency: one } = concurrency();
    for (let count = 0; count < 3; count += 1) {
      expect(one.isSilent('fal')).toBe(false);
      one.polled('fal', false);
    }
    expect(one.isSilent('fal')).toBe(true);
    one.polled('fal', true);
    expect(one.isSilent('fal')).toBe(false);
  });

  it('rest for as long as a vendor wants to be left alone', () => {
    const { clock, concurrency: one } = concurrency();
    one.pausePolls('fal', 500);
    one.pausePolls('fal', 100);
    expect([one.room('fal', 'poll'), one.room('fal', 'submit')]).toEqual([0, 3]);
    clock.ms += 499;
    expect(one.room('fal', 'poll')).toBe(0);
    clock.ms += 1;
    expect(one.room('fal', 'poll')).toBe(8);
  });
});
