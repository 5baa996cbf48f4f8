import type { GenerationStatus } from './generation.types.js';
import { isTerminal } from './generation.types.js';

/** What of a generation's row tells how far it has come. */
export interface GenerationLook {
  readonly id: string;
  readonly status: GenerationStatus;
  readonly attemptCount: number;
  readonly progress: number;
  readonly updatedAt: number;
}

/**
 * How far a listener has heard. Both numbers only ever grow, so that whoever names the last event gets all that follows it and nothing
 * twice, from whatever replica. An odd step is a wait in the queue, an even one a try at the vendor; the first wait is 1.
 */
export interface Position {
  readonly step: number;
  readonly progress: number;
}

/** The end has been told. */
export const ENDED = 'end';

/** The id of the last event that told of it. */
export type EventId = `${number}.${number}` | typeof ENDED;

export type ProgressEvent =
  | { readonly id: EventId; readonly kind: 'status'; readonly status: 'pending' | 'processing'; readonly progress: number }
  | { readonly id: EventId; readonly kind: 'progress'; readonly status: 'pending' | 'processing'; readonly progress: number }
  | { readonly id: typeof ENDED; readonly kind: 'ended' };

/** Null when it is no id of an event. */
export function positionOf(id: string): Position | null {
  const match = /^(\d{1,6})\.(\d{1,3})$/.exec(id);
  return match === null ? null : { step: Number(match[1]), progress: Number(match[2]) };
}

/** Where a listener begins who names no event: with how it stands. */
export function beginningOf(look: GenerationLook): Position {
  return { step: isTerminal(look.status) ? stepOf(look) : stepOf(look) - 1, progress: 0 };
}

/** Every change of the status since `from`, also those that nobody looked at; of the progress the last. */
export function eventsSince(from: Position, look: GenerationLook): { readonly events: ProgressEvent[]; readonly position: Position } {
  const last = Math.max(from.step, stepOf(look));
  const events: ProgressEvent[] = [];
  for (let step = from.step + 1; step <= last; step += 1) {
    events.push({ id: `${step}.${from.progress}`, kind: 'status', status: statusOf(step), progress: from.progress });
  }
  if (isTerminal(look.status)) return { events: [...events, { id: ENDED, kind: 'ended' }], position: { ...from, step: last } };
  const progress = Math.max(from.progress, look.progress);
  if (progress > from.progress) events.push({ id: `${last}.${progress}`, kind: 'progress', status: statusOf(last), progress });
  return { events, position: { step: last, progress } };
}

function stepOf({ status, attemptCount }: GenerationLook): number {
  if (attemptCount === 0) return 1;
  return 2 * attemptCount + (status === 'queued' ? 1 : 0);
}

function statusOf(step: number): 'pending' | 'processing' {
  return step % 2 === 1 ? 'pending' : 'processing';
}
