import { setImmediate as turn } from 'node:timers/promises';
import type { CallEvent } from '@litegen/plugin-sdk';

/** More previews than any vendor sends. */
const MAX_PARTIAL_IMAGES = 64;
/** Previews that wait while one is being fetched. */
const MAX_WAITING = 4;

/**
 * Lets a plugin's events through at a pace that the gateway can bear, however many come: each step of the progress once, previews one after
 * another and not without end, and nothing once the call was given up. Each takes a turn of the event loop, so that others get theirs.
 */
export class EventGate {
  private progress = -1;
  private partials = 0;
  private waiting = 0;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly signal: AbortSignal,
    private readonly onEvent: ((event: CallEvent) => Promise<void> | void) | undefined,
  ) {}

  async take(event: CallEvent): Promise<void> {
    await turn();
    if (this.signal.aborted || this.onEvent === undefined) return;
    if (event.type === 'partial_image') return this.takePartial(event, this.onEvent);
    const progress = Math.floor(event.progress);
    if (!(progress > this.progress)) return;
    this.progress = progress;
    await this.onEvent(event);
  }

  private async takePartial(event: CallEvent, onEvent: (event: CallEvent) => Promise<void> | void): Promise<void> {
    if (this.partials >= MAX_PARTIAL_IMAGES || this.waiting >= MAX_WAITING) return;
    this.partials += 1;
    this.waiting += 1;
    const mine = this.last.then(() => onEvent(event));
    this.last = mine.catch(() => undefined);
    try {
      await mine;
    } finally {
      this.waiting -= 1;
    }
  }
}
