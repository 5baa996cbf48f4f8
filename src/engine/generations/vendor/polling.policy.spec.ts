import { describe, expect, it } from 'vitest';
import { nextProgress, pollDelayMs } from './polling.policy.js';

describe('pauses', () => {
  it('between polls start short, slow down to a limit, and follow the vendor', () => {
    const schedule = { initialMs: 1_000, intervalMs: 4_000, maxIntervalMs: 10_000 };
    expect(pollDelayMs(schedule, 0, 0)).toBe(1_000);
    expect(pollDelayMs(schedule, 1, 0)).toBe(4_000);
    expect(pollDelayMs(schedule, 500, 0)).toBe(10_000);
    expect(pollDelayMs(schedule, 5, 0, { wishMs: 250 })).toBe(250);
    expect(pollDelayMs(schedule, 5, 0, { wishMs: 1 })).toBe(100);
  });

  it('between polls vary: shorter than the schedule, longer than others ask for', () => {
    const schedule = { initialMs: 1_000, intervalMs: 4_000, maxIntervalMs: 10_000 };
    expect(pollDelayMs(schedule, 1, 1)).toBe(3_200);
    expect(pollDelayMs(schedule, 1, 1, { wishMs: 5_000 })).toBe(6_000);
    expect(pollDelayMs(schedule, 1, 0, { atLeastMs: 60_000 })).toBe(60_000);
    expect(pollDelayMs(schedule, 1, 1, { wishMs: 100, atLeastMs: 60_000 })).toBe(72_000);
    expect(pollDelayMs(schedule, 1, 0.5, { atLeastMs: 10 })).toBe(3_600);
  });
});

describe('nextProgress', () => {
  it('never goes back and keeps 100 for the end', () => {
    expect(nextProgress(40, 30)).toBe(40);
    expect(nextProgress(40, 55.4)).toBe(55);
    expect(nextProgress(40, 100)).toBe(99);
    expect(nextProgress(40, undefined)).toBe(40);
    expect(nextProgress(40, Number.NaN)).toBe(40);
  });
});
