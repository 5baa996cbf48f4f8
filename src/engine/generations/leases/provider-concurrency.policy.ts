import type { ActiveState } from '../model/transitions.js';

/** What a process does for a vendor account: `submit` sends attempts, `poll` asks how jobs stand, `fetch` brings files in. */
export type CallKind = 'submit' | 'poll' | 'fetch';

/** Where an attempt that is due belongs. */
export const CALL_KIND_OF: Readonly<Record<ActiveState, CallKind>> = {
  queued: 'submit',
  sent: 'submit',
  accepted: 'poll',
  fetching: 'fetch',
};

/** A limit that a vendor's silence halves, and each of its answers lifts by one, up to `most`. */
export function nextLimit(limit: number, most: number, hasAnswered: boolean): number {
  return hasAnswered ? Math.min(most, limit + 1) : Math.max(1, Math.floor(limit / 2));
}
