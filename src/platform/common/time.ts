import { ApiError } from './errors/index.js';

/** A moment that a caller wrote down. */
export interface WrittenTime {
  /** Milliseconds since the epoch; of a day, its first one. */
  readonly ms: number;
  /** Whether only a day was named. */
  readonly isDay: boolean;
}

/** What {@link parseTime} takes, in words. */
export const WRITTEN_TIME = 'a day or a time that there is, such as 2026-11-20 or 2026-11-20T18:00:00Z';

const DAY_MS = 86_400_000;
const TIME = /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(?:[Zz]|([+-])(\d{2}):?(\d{2}))?)?$/;

/**
 * Reads RFC 3339's dates and times, also without seconds. What names no zone is UTC, whatever zone this process runs in. Undefined for
 * everything else: other calendars and notations of ISO 8601, and days or hours that there are not.
 */
export function parseTime(text: string): WrittenTime | undefined {
  const match = TIME.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute = '0', second = '0', fraction = '', sign, zoneHour = '0', zoneMinute = '0'] = match;
  const dayMs = startOfDay(Number(year), Number(month), Number(day));
  if (dayMs === undefined) return undefined;
  if (hour === undefined) return { ms: dayMs, isDay: true };
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59 || Number(zoneHour) > 23 || Number(zoneMinute) > 59) return undefined;
  const offsetMinutes = (Number(zoneHour) * 60 + Number(zoneMinute)) * (sign === '-' ? -1 : 1);
  const seconds = (Number(hour) * 60 + Number(minute) - offsetMinutes) * 60 + Number(second);
  return { ms: dayMs + seconds * 1000 + Number(fraction.slice(0, 3).padEnd(3, '0')), isDay: false };
}

/** The time that a field names. @throws ApiError `param_invalid_type` */
export function timeOf(param: string, text: string): WrittenTime {
  const time = parseTime(text);
  if (time === undefined) throw new ApiError('param_invalid_type', `${param} must be ${WRITTEN_TIME}.`, { param });
  return time;
}

/** The last millisecond of a day, or the moment itself: what "up to" means. */
export function endOf({ ms, isDay }: WrittenTime): number {
  return isDay ? ms + DAY_MS - 1 : ms;
}

function startOfDay(year: number, month: number, day: number): number | undefined {
  // `Date.UTC` takes years below 100 for those of the last century.
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  // It rolls on what there is not: the 30th of February becomes the 2nd of March.
  const isReal = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return isReal ? date.getTime() : undefined;
}
