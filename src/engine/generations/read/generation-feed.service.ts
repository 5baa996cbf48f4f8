import { Injectable, Logger } from '@nestjs/common';
import { type PeriodicTask, PeriodicTasks, type RunCause } from '../../../platform/schedule/index.js';
import type { GenerationLook } from '../model/progress.policy.js';
import { GenerationsRepository } from '../store/generations.repository.js';
import { GenerationSignals } from './waiters.service.js';

const TICK_MS = 500;
const LOOK_UP_AT_ONCE = 500;

export type FeedListener = (look: GenerationLook) => void;

/**
 * Tells any number of listeners how generations stand, wherever they are worked on: with one timer for all and one query for five
 * hundred generations. What this process does itself is looked at at once.
 */
@Injectable()
export class GenerationFeed {
  private readonly listeners = new Map<string, { readonly all: Set<FeedListener>; readonly stop: () => void }>();
  private readonly urgent = new Set<string>();
  private readonly looking: PeriodicTask;

  constructor(
    private readonly signals: GenerationSignals,
    private readonly repository: GenerationsRepository,
    periodic: PeriodicTasks,
  ) {
    // One look at a time, so that an older one never comes after a newer one.
    this.looking = periodic.add({
      name: 'generations.feed',
      intervalMs: TICK_MS,
      run: (cause) => this.look(cause),
      failure: 'Generations could not be looked at',
      failureLevel: 'debug',
      logger: new Logger(GenerationFeed.name),
    });
  }

  /** The listener hears the same look more than once. @returns how to stop */
  follow(id: string, listener: FeedListener): () => void {
    const known = this.listeners.get(id) ?? { all: new Set(), stop: this.signals.listen(id, () => this.hurry(id)) };
    this.listeners.set(id, known);
    known.all.add(listener);
    return () => {
      known.all.delete(listener);
      if (known.all.size > 0 || this.listeners.get(id) !== known) return;
      known.stop();
      this.listeners.delete(id);
    };
  }

  /** Signals of one turn of the event loop share a query. */
  private hurry(id: string): void {
    this.urgent.add(id);
    this.looking.wake();
  }

  private async look(cause: RunCause): Promise<void> {
    const ids = cause === 'woken' ? [...this.urgent] : [...this.listeners.keys()];
    this.urgent.clear();
    for (let start = 0; start < ids.length; start += LOOK_UP_AT_ONCE) {
      for (const look of await this.repository.statusesOf(ids.slice(start, start + LOOK_UP_AT_ONCE))) {
        for (const listener of [...(this.listeners.get(look.id)?.all ?? [])]) listener(look);
      }
    }
  }
}
