import type { Model } from '../../../domain/catalog/index.js';
import type { GenerationEntity } from './generation.entity.js';

/** Why a poll was given up. */
export class PollTimedOut extends Error {}

/** For how long a vendor may be silent before its answer begins: what its model says, else as long as the generation may take at all. */
export function longestSilenceMs(
  limits: Model['limits'],
  { createdAt, deadlineAt }: Pick<GenerationEntity, 'createdAt' | 'deadlineAt'>,
): number {
  return limits?.headers_timeout_seconds === undefined ? deadlineAt - createdAt : limits.headers_timeout_seconds * 1000;
}

/** A signal that also fires after a time. `end` stops the clock. Cheaper by far than `AbortSignal.any` with `AbortSignal.timeout`. */
export class TimeLimit {
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private readonly follow = () => this.controller.abort(this.parent.reason);

  constructor(
    private readonly parent: AbortSignal,
    durationMs: number,
  ) {
    this.timer = setTimeout(() => this.controller.abort(new PollTimedOut('The vendor did not answer in time')), durationMs);
    if (parent.aborted) this.follow();
    else parent.addEventListener('abort', this.follow, { once: true });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  end(): void {
    clearTimeout(this.timer);
    this.parent.removeEventListener('abort', this.follow);
  }
}
