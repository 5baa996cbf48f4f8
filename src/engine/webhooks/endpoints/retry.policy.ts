import type { DisabledReason } from './webhooks.types.js';

const MS_PER_SECOND = 1000;
/** Jitter only ever adds, so that the schedule never becomes shorter than it says. */
const JITTER = 0.1;
const LONGEST_RETRY_AFTER_MS = 24 * 3_600_000;
/** A receiver that comes back is found after this time at the latest. */
export const LONGEST_PAUSE_MS = 15 * 60_000;
/** Statuses whose `Retry-After` counts. */
const THROTTLING = new Set([429, 502, 503, 504]);
const GONE = 410;

export interface RetrySettings {
  /** Pauses between the attempts of one delivery; one attempt more than there are pauses. */
  readonly retry_schedule_seconds: readonly number[];
  readonly disable_after_seconds: number;
  readonly breaker_failures: number;
  readonly breaker_pause_seconds: number;
}

/** An answer, or that there was none. */
export interface AttemptResult {
  readonly status: number | null;
  /** The receiver's `Retry-After`, as it stands in the header. */
  readonly retryAfter?: string;
  /** When it began. */
  readonly startedAtMs?: number;
}

/** What is remembered of an endpoint's failures. */
export interface EndpointHealth {
  readonly consecutiveFailures: number;
  readonly failingSince: number | null;
  readonly lastFailureAt: number | null;
  readonly pausedUntil: number | null;
}

export const HEALTHY: EndpointHealth = { consecutiveFailures: 0, failingSince: null, lastFailureAt: null, pausedUntil: null };

/** Redirects are failures: whoever moves changes the URL. */
export function isSuccess(status: number | null): boolean {
  return status !== null && status >= 200 && status < 300;
}

/** Milliseconds from now; undefined when the header is missing, unreadable or does not belong to this status. */
export function retryAfterMs({ status, retryAfter }: AttemptResult, nowMs: number): number | undefined {
  if (status === null || !THROTTLING.has(status) || retryAfter === undefined) return undefined;
  const text = retryAfter.trim();
  // `Date.parse` would read a year into any number.
  const dateMs = /[a-z]/i.test(text) ? Date.parse(text) - nowMs : Number.NaN;
  const wished = /^\d{1,9}$/.test(text) ? Number(text) * MS_PER_SECOND : dateMs;
  return Number.isNaN(wished) ? undefined : Math.min(LONGEST_RETRY_AFTER_MS, Math.max(0, wished));
}

/**
 * When a delivery is tried again after a failure; null when it is given up.
 * @param step attempts that were made before the one that failed
 * @param random 0 to 1
 */
export function nextAttemptAtMs(
  settings: RetrySettings,
  step: number,
  result: AttemptResult,
  nowMs: number,
  random: number,
): number | null {
  const pauseSeconds = settings.retry_schedule_seconds[step];
  if (pauseSeconds === undefined) return null;
  const planned = pauseSeconds * MS_PER_SECOND * (1 + JITTER * random);
  return Math.ceil(nowMs + Math.max(planned, retryAfterMs(result, nowMs) ?? 0));
}

/**
 * What a failure does to the endpoint. After `breaker_failures` in a row only one attempt at a time probes it, after ever longer pauses.
 * Attempts that were under way when the breaker opened say nothing new: one mishap that ends many of them, such as a process that stood
 * still, must not silence the endpoint for longer than one of them would.
 */
export function afterFailure(settings: RetrySettings, before: EndpointHealth, result: AttemptResult, nowMs: number): EndpointHealth {
  const isKnown = before.lastFailureAt !== null && result.startedAtMs !== undefined && result.startedAtMs <= before.lastFailureAt;
  if (isKnown && before.consecutiveFailures >= settings.breaker_failures) return before;
  const continues = before.lastFailureAt !== null && nowMs - before.lastFailureAt <= forgottenAfterMs(settings);
  const consecutiveFailures = continues ? before.consecutiveFailures + 1 : 1;
  const open = consecutiveFailures >= settings.breaker_failures;
  const doublings = Math.min(consecutiveFailures - settings.breaker_failures, 20);
  const breakerMs = open ? settings.breaker_pause_seconds * MS_PER_SECOND * 2 ** doublings : 0;
  const pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(breakerMs, retryAfterMs(result, nowMs) ?? 0));
  return {
    consecutiveFailures,
    failingSince: continues ? (before.failingSince ?? nowMs) : nowMs,
    lastFailureAt: nowMs,
    pausedUntil: pauseMs === 0 ? null : Math.ceil(nowMs + pauseMs),
  };
}

/** Why the endpoint gets nothing more, if so. */
export function disabledBy(settings: RetrySettings, health: EndpointHealth, result: AttemptResult, nowMs: number): DisabledReason | null {
  if (result.status === GONE) return 'gone';
  const failingMs = health.failingSince === null ? 0 : nowMs - health.failingSince;
  return health.consecutiveFailures > 1 && failingMs >= settings.disable_after_seconds * MS_PER_SECOND ? 'failing' : null;
}

/** Failures that lie further apart than the longest pauses are separate mishaps, not one outage. */
function forgottenAfterMs({ retry_schedule_seconds: schedule }: RetrySettings): number {
  return 2 * Math.max(LONGEST_PAUSE_MS, ...schedule.map((seconds) => seconds * MS_PER_SECOND));
}
