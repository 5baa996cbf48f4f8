import { Injectable, Logger } from '@nestjs/common';
import type { AssetEntity, StoredBlob } from '../../../domain/storage/index.js';
import type { GenerationEntity } from './generation.entity.js';

/** A generation with what it delivered. */
export interface GenerationRecord {
  readonly generation: GenerationEntity;
  /** In the order of their positions. */
  readonly outputs: readonly AssetEntity[];
}

/** What happens to a generation while this process works on it. The database stays the authority; these only spare waiting. */
export type GenerationSignal =
  | { readonly type: 'accepted' }
  | { readonly type: 'progress'; readonly progress: number }
  | { readonly type: 'partial_image'; readonly index: number; readonly blob: StoredBlob }
  /** `record` is there when this process wrote the end itself. */
  | { readonly type: 'ended'; readonly record?: GenerationRecord };

export type SignalListener = (signal: GenerationSignal) => void;

/** Wakes callers of this process that wait for a generation. */
@Injectable()
export class GenerationSignals {
  private readonly logger = new Logger(GenerationSignals.name);
  private readonly listeners = new Map<string, Set<SignalListener>>();

  /** @returns how to stop listening. */
  listen(id: string, listener: SignalListener): () => void {
    const known = this.listeners.get(id) ?? new Set();
    known.add(listener);
    this.listeners.set(id, known);
    return () => {
      known.delete(listener);
      if (known.size === 0 && this.listeners.get(id) === known) this.listeners.delete(id);
    };
  }

  send(id: string, signal: GenerationSignal): void {
    for (const listener of [...(this.listeners.get(id) ?? [])]) {
      try {
        listener(signal);
      } catch (error) {
        // Neither the others nor the work itself have to do with what one of them makes of it.
        this.logger.error(
          `Somebody who waits for ${id} failed to hear "${signal.type}"`,
          error instanceof Error ? error.stack : String(error),
        );
      }
    }
  }
}
