import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { GenerationSignals } from '../model/generation-signals.js';
import type { GenerationLook } from '../model/progress.policy.js';
import { GenerationsRepository } from '../store/generations.repository.js';

const TICK_MS = 500;
const LOOK_UP_AT_ONCE = 500;

export type FeedListener = (look: GenerationLook) => void;

/**
 * Tells any number of listeners how generations stand, wherever they are worked on: with one timer for all and one query for five
 * hundred generations. What this process does itself is looked at at once.
 */
@Injectable()
export class GenerationFeed {
  private readonly logger = new Logger(GenerationFeed.name);
  private readonly listeners = new Map<string, { readonly all: Set<FeedListener>; readonly stop: () => void }>();
  private readonly urgent = new Set<string>();
  private looking = false;

  constructor(
    private readonly signals: GenerationSignals,
    private readonly repository: GenerationsRepository,
  ) {}

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

  @Interval('generations.feed', TICK_MS)
  async tick(): Promise<void> {
    await this.look([...this.listeners.keys()]);
  }

  /** Signals of one turn of the event loop share a query. */
  private hurry(id: string): void {
    if (this.urgent.size === 0) setImmediate(() => void this.lookAtUrgent());
    this.urgent.add(id);
  }

  private async lookAtUrgent(): Promise<void> {
    const ids = [...this.urgent];
    this.urgent.clear();
    await this.look(ids);
  }

  /** One at a time, so that an older look never comes after a newer one; what is left out now, the next tick sees. */
  private async look(ids: readonly string[]): Promise<void> {
    if (this.looking || ids.length === 0) return;
    this.looking = true;
    try {
      for (let start = 0; start < ids.length; start += LOOK_UP_AT_ONCE) {
        for (const look of await this.repository.statusesOf(ids.slice(start, start + LOOK_UP_AT_ONCE))) {
          for (const listener of [...(this.listeners.get(look.id)?.all ?? [])]) listener(look);
        }
      }
    } catch (error) {
      this.logger.debug(`Generations could not be looked at: ${String(error)}`);
    } finally {
      this.looking = false;
    }
  }
}
