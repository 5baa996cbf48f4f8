import type { OperationStatus } from '@litegen/plugin-sdk';
import type { PollSchedule } from '../../../domain/catalog/index.js';

/** Wire progress never goes back and reaches 100 only at the end. */
export function nextProgress(current: number, reported: number | undefined): number {
  if (reported === undefined || !Number.isFinite(reported)) return current;
  return Math.max(current, Math.min(99, Math.max(0, Math.round(reported))));
}

const SLOWING_FACTOR = 1.15;
const SHORTEST_POLL_MS = 100;
/** So that jobs do not march in step. */
const JITTER = 0.2;

export interface PollWishes {
  /** Of the vendor, instead of the schedule. */
  readonly wishMs?: number;
  /** What the vendor's budget or its callbacks make of it. */
  readonly atLeastMs?: number;
}

/**
 * The pause before the next question: the vendor's wish, else slowly growing. Jitter makes the schedule's pauses up to a fifth shorter, so
 * that they are the longest ones, and those that others ask for up to a fifth longer, so that nobody is asked too early.
 */
export function pollDelayMs(schedule: PollSchedule, polls: number, random: number, { wishMs, atLeastMs = 0 }: PollWishes = {}): number {
  const own =
    polls === 0 ? schedule.initialMs : Math.min(schedule.maxIntervalMs, schedule.intervalMs * SLOWING_FACTOR ** Math.min(polls - 1, 40));
  const wanted = wishMs === undefined ? own * (1 - JITTER * random) : wishMs * (1 + JITTER * random);
  return Math.max(SHORTEST_POLL_MS, Math.round(Math.max(wanted, atLeastMs * (1 + JITTER * random))));
}

export function isFinal(status: OperationStatus): status is Exclude<OperationStatus, { state: 'pending' }> {
  return status.state !== 'pending';
}
