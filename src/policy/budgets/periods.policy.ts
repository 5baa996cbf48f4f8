import type { BudgetPeriod } from './budget.types.js';

const DAY_MS = 86_400_000;
const DAYS_PER_WEEK = 7;
/** The first of January 1970 was a Thursday. */
const EPOCH_WEEKDAY = 3;

export interface PeriodBounds {
  readonly startMs: number;
  /** The first moment that no longer belongs to it; null: none. */
  readonly endMs: number | null;
}

/** The period that a moment belongs to. */
export function periodAt(period: BudgetPeriod, nowMs: number): PeriodBounds {
  const day = Math.floor(nowMs / DAY_MS);
  switch (period) {
    case 'none':
      return { startMs: 0, endMs: null };
    case 'day':
      return days(day, 1);
    case 'week':
      return days(day - ((day + EPOCH_WEEKDAY) % DAYS_PER_WEEK), DAYS_PER_WEEK);
    case 'month': {
      const now = new Date(nowMs);
      const [year, month] = [now.getUTCFullYear(), now.getUTCMonth()];
      return { startMs: Date.UTC(year, month), endMs: Date.UTC(year, month + 1) };
    }
  }
}

function days(first: number, count: number): PeriodBounds {
  return { startMs: first * DAY_MS, endMs: (first + count) * DAY_MS };
}
