import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../platform/config/index.js';
import { afterFailure, disabledBy, HEALTHY, isSuccess, nextAttemptAtMs, retryAfterMs } from './retry.policy.js';

const NOW = 1_800_000_000_000;
const HOUR_MS = 3_600_000;
const SETTINGS = configSchema.parse({}).webhooks;
const FAILED = { status: 500 };

describe('the default schedule', () => {
  it('makes at least ten attempts over at least 72 hours, and jitter only makes it longer', () => {
    for (const random of [0, 1]) {
      let at = NOW;
      let attempts = 1;
      for (;;) {
        const next = nextAttemptAtMs(SETTINGS, attempts - 1, FAILED, at, random);
        if (next === null) break;
        at = next;
        attempts += 1;
      }
      expect(attempts).toBeGreaterThanOrEqual(10);
      expect(at - NOW).toBeGreaterThanOrEqual(72 * HOUR_MS);
      expect(at - NOW).toBeLessThanOrEqual(90 * HOUR_MS);
    }
    expect(nextAttemptAtMs(SETTINGS, 1, FAILED, NOW, 0.9)).toBeGreaterThan(nextAttemptAtMs(SETTINGS, 1, FAILED, NOW, 0.1) ?? 0);
  });

  it('is what the settings say', () => {
    const settings = { ...SETTINGS, retry_schedule_seconds: [7] };
    expect(nextAttemptAtMs(settings, 0, FAILED, NOW, 0)).toBe(NOW + 7_000);
    expect(nextAttemptAtMs(settings, 1, FAILED, NOW, 0)).toBeNull();
  });
});

describe('answers', () => {
  it.each([
    [200, true],
    [204, true],
    [299, true],
    [199, false],
    [301, false],
    [304, false],
    [404, false],
    [500, false],
    [null, false],
  ])('%s counts as success: %s', (status, expected) => expect(isSuccess(status)).toBe(expected));

  it.each([
    [429, '120', 120_000],
    [502, '60', 60_000],
    [503, ' 5 ', 5_000],
    [504, new Date(NOW + 90_000).toUTCString(), 90_000],
    [429, '99999999', 24 * HOUR_MS],
    [429, new Date(NOW - 90_000).toUTCString(), 0],
    [429, 'soon', undefined],
    [429, '-5', undefined],
    [429, undefined, undefined],
    [500, '120', undefined],
  ])('%s with Retry-After %s waits %s', (status, retryAfter, expected) => {
    expect(retryAfterMs({ status, retryAfter }, NOW)).toBe(expected);
  });

  it('come back later when they ask for more than the schedule, never earlier', () => {
    const asked = (retryAfter: string) => nextAttemptAtMs(SETTINGS, 0, { status: 429, retryAfter }, NOW, 0);
    expect(asked('600')).toBe(NOW + 600_000);
    expect(asked('1')).toBe(NOW + 5_000);
  });
});

describe('an endpoint', () => {
  const settings = { ...SETTINGS, breaker_failures: 3, breaker_pause_seconds: 10 };

  it('is paused ever longer once it failed too often in a row', () => {
    let health = HEALTHY;
    const pauses: (number | null)[] = [];
    for (let failure = 0; failure < 12; failure += 1) {
      health = afterFailure(settings, health, FAILED, NOW);
      pauses.push(health.pausedUntil === null ? null : health.pausedUntil - NOW);
    }
    expect(pauses.slice(0, 5)).toEqual([null, null, 10_000, 20_000, 40_000]);
    expect(pauses.at(-1)).toBe(15 * 60_000);
    expect(health).toMatchObject({ consecutiveFailures: 12, failingSince: NOW });
  });

  it('is paused once for all attempts that one mishap ended, and longer only when a later one fails as well', () => {
    let health = HEALTHY;
    for (let failure = 0; failure < 40; failure += 1)
      health = afterFailure(settings, health, { status: null, startedAtMs: NOW - 15_000 }, NOW);
    expect(health).toMatchObject({ consecutiveFailures: settings.breaker_failures, pausedUntil: NOW + 10_000 });
    const later = NOW + 11_000;
    const probed = afterFailure(settings, health, { status: null, startedAtMs: later - 1000 }, later);
    expect(probed).toMatchObject({ consecutiveFailures: settings.breaker_failures + 1, pausedUntil: later + 20_000 });
  });

  it('is paused by its own wish before that', () => {
    expect(afterFailure(settings, HEALTHY, { status: 503, retryAfter: '30' }, NOW).pausedUntil).toBe(NOW + 30_000);
  });

  it('is disabled after five days of failures, not after mishaps that lie apart', () => {
    const verdictAfter = (gapMs: number, failures: number) => {
      let health = HEALTHY;
      let at = NOW;
      for (let failure = 0; failure < failures; failure += 1) {
        at = NOW + failure * gapMs;
        health = afterFailure(SETTINGS, health, FAILED, at);
      }
      return disabledBy(SETTINGS, health, FAILED, at);
    };
    expect(verdictAfter(HOUR_MS, 120)).toBeNull();
    expect(verdictAfter(HOUR_MS, 121)).toBe('failing');
    expect(verdictAfter(24 * HOUR_MS, 6)).toBe('failing');
    expect(verdictAfter(60 * HOUR_MS, 30)).toBeNull();
  });

  it('is disabled at once by 410', () => {
    expect(disabledBy(SETTINGS, HEALTHY, { status: 410 }, NOW)).toBe('gone');
    expect(disabledBy(SETTINGS, HEALTHY, { status: 404 }, NOW)).toBeNull();
  });
});
