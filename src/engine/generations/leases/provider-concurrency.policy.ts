import type { ActiveStatus } from '../model/generation.types.js';

/** What a process does for a vendor account: `submit` sends attempts, `poll` asks how jobs stand, `fetch` brings files in. */
export type CallKind = 'submit' | 'poll' | 'fetch';

/** Where a generation that is due belongs. */
export const CALL_KIND_OF: Readonly<Record<ActiveStatus, CallKind>> = {
  queued: 'submit',
  dispatching: 'submit',
  running: 'poll',
  ingesting: 'fetch',
};

/** A limit that a vendor's silence halves, and each of its answers lifts by one, up to `most`. */
export function nextLimit(limit: number, most: number, hasAnswered: boolean): number {
  return hasAnswered ? Math.min(most, limit + 1) : Math.max(1, Math.floor(limit / 2));
}
