import { describe, expect, it } from 'vitest';
import { freeAtAfter, pollsLeft } from './poll-budget.policy.js';

const START = 1_800_000_000_000_000;
const SECOND = 1_000_000;

/** Takes all that is granted at every step; answers how many questions that were. */
function asked(perSecond: number, seconds: number, stepMicros: number): number {
  let freeAt = 0;
  let total = 0;
  for (let now = START; now < START + seconds * SECOND; now += stepMicros) {
    const polls = pollsLeft(perSecond, freeAt, now);
    if (polls > 0) freeAt = freeAtAfter(perSecond, freeAt, now, polls);
    total += polls;
  }
  return total;
}

describe('a poll budget', () => {
  it.each([
    [40, 13],
    [10, 4],
    [3, 1],
    [1, 1],
    [0.2, 1],
  ])('of %d per second lets %d through at once', (perSecond, burst) => {
    expect(pollsLeft(perSecond, 0, START)).toBe(burst);
    const used = freeAtAfter(perSecond, 0, START, burst);
    expect(pollsLeft(perSecond, used, START)).toBe(0);
  });

  it.each([0.2, 1, 3, 7, 40, 333, 2500])('of %d per second is spent to the last question, and never more', (perSecond) => {
    const seconds = 60;
    for (const stepMicros of [1_000, 83_000, 250_000]) {
      const total = asked(perSecond, seconds, stepMicros);
      const burst = 1 + perSecond * 0.3;
      expect(total).toBeLessThanOrEqual(perSecond * seconds + burst);
      expect(total).toBeGreaterThanOrEqual(Math.floor(perSecond * (seconds - 0.25)));
    }
  });

  it('is not saved up while nothing is asked', () => {
    const used = freeAtAfter(10, 0, START, 5);
    expect(pollsLeft(10, used, START + 3600 * SECOND)).toBe(4);
  });
});
