/** What may be asked at once after a time in which nothing was asked is one question and what comes together in this time. */
const BURST_SECONDS = 0.3;
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
  return Math.max(0, Math.floor(burst - ahead + HAIR));
}

/** `freeAtMicros` after so many more. */
export function freeAtAfter(perSecond: number, freeAtMicros: number, nowMicros: number, polls: number): number {
  return Math.max(freeAtMicros, nowMicros) + Math.round((polls * MICROS_PER_SECOND) / perSecond);
}
