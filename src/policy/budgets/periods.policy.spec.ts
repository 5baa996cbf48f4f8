import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BUDGET_PERIODS } from './budget.types.js';
import { periodAt } from './periods.policy.js';

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

describe('periodAt', () => {
  it.each([
    ['day', '2026-11-21T05:00:00Z', '2026-11-21T00:00:00.000Z', '2026-11-22T00:00:00.000Z'],
    ['day', '2026-11-21T23:59:59.999Z', '2026-11-21T00:00:00.000Z', '2026-11-22T00:00:00.000Z'],
    // A Saturday, a Sunday, and the Monday after.
    ['week', '2026-11-21T05:00:00Z', '2026-11-16T00:00:00.000Z', '2026-11-23T00:00:00.000Z'],
    ['week', '2026-11-22T23:59:59.999Z', '2026-11-16T00:00:00.000Z', '2026-11-23T00:00:00.000Z'],
    ['week', '2026-11-23T00:00:00Z', '2026-11-23T00:00:00.000Z', '2026-11-30T00:00:00.000Z'],
    ['month', '2026-12-31T23:59:59.999Z', '2026-12-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
    ['month', '2028-02-29T12:00:00Z', '2028-02-01T00:00:00.000Z', '2028-03-01T00:00:00.000Z'],
    ['none', '2026-11-21T05:00:00Z', '1970-01-01T00:00:00.000Z', null],
  ] as const)('%s at %s', (period, now, start, end) => {
    const bounds = periodAt(period, Date.parse(now));
    expect([iso(bounds.startMs), iso(bounds.endMs)]).toEqual([start, end]);
  });

  it('contains the moment, and the next one begins where it ends', () => {
    const moment = fc.date({ min: new Date('2020-01-01'), max: new Date('2060-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(moment, fc.constantFrom(...BUDGET_PERIODS), (date, period) => {
        const now = date.getTime();
        const { startMs, endMs } = periodAt(period, now);
        expect(startMs).toBeLessThanOrEqual(now);
        if (endMs === null) return;
        expect(endMs).toBeGreaterThan(now);
        expect(periodAt(period, endMs).startMs).toBe(endMs);
        expect(periodAt(period, startMs)).toEqual({ startMs, endMs });
      }),
    );
  });
});
