import { CLOCK_SLACK_MS } from '../../../platform/common/index.js';

/** What may be asked at once after a time in which nothing was asked is one question and what comes together in this time. */
const BURST_SECONDS = 0.3;
const SLACK_SECONDS = CLOCK_SLACK_MS / 1000;
const MICROS_PER_SECOND = 1_000_000;
/** Against the rounding of sums such as 0.1 + 0.2. */
const HAIR = 1e-6;

/**
 * How many questions may be asked now. In any stretch of `t` seconds no more than `perSecond * t` and the burst ever are.
 * @param freeAtMicros when all that was asked so far would have been asked, had it been spread evenly
 */
export function pollsLeft(perSecond: number, freeAtMicros: number, nowMicros: number): number {
  const burst = 1 + perSecond * BURST_SECONDS;
  const ahead = (Math.max(0, freeAtMicros - nowMicros) * perSecond) / MICROS_PER_SECOND;
  // More than was ever granted at once: the clock stepped back.
  if (ahead > burst + perSecond * SLACK_SECONDS) return Math.floor(burst + HAIR);
  return Math.max(0, Math.floor(burst - ahead + HAIR));
}

/** `freeAtMicros` after so many more. */
export function freeAtAfter(perSecond: number, freeAtMicros: number, nowMicros: number, polls: number): number {
  const burst = 1 + perSecond * BURST_SECONDS;
  const latestMicros = nowMicros + (burst / perSecond + SLACK_SECONDS) * MICROS_PER_SECOND;
  const fromMicros = freeAtMicros > latestMicros ? nowMicros : Math.max(freeAtMicros, nowMicros);
  return fromMicros + Math.round((polls * MICROS_PER_SECOND) / perSecond);
}
