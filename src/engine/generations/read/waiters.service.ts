import { Injectable, Logger } from '@nestjs/common';
import type { StoredBlob } from '../../../domain/storage/index.js';
import { Clock } from '../../../platform/common/index.js';
import { PeriodicTasks } from '../../../platform/schedule/index.js';
import { LeaseKeeper } from '../leases/lease-keeper.service.js';
import type { GenerationRecord } from '../model/end.js';
import type { GenerationEntity } from '../model/generation.entity.js';
import { isTerminal } from '../model/generation.types.js';
import { GenerationsRepository } from '../store/generations.repository.js';

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

const EXPIRY_INTERVAL_MS = 250;
/** Work that another replica does is looked up this often. */
const LOOK_UP_INTERVAL_MS = 500;
const LOOK_UP_AT_ONCE = 500;

export type WaitUntil = 'accepted' | 'ended';

export interface WaitResult {
  /** False when the time ran out first. */
  readonly reached: boolean;
  /** The end, when it was written in this process. */
  readonly record?: GenerationRecord;
}

interface Waiter {
  readonly until: WaitUntil;
  readonly expiresAtMs: number;
  readonly wake: (result: WaitResult) => void;
}

/** Lets any number of callers wait for generations at the price of two timers and, for work done elsewhere, one query. */
@Injectable()
export class Waiters {
  private readonly waiting = new Map<string, Set<Waiter>>();

  constructor(
    private readonly clock: Clock,
    private readonly signals: GenerationSignals,
    private readonly repository: GenerationsRepository,
    private readonly leases: LeaseKeeper,
    periodic: PeriodicTasks,
  ) {
    const logger = new Logger(Waiters.name);
    periodic.add({
      name: 'generations.waiters',
      intervalMs: EXPIRY_INTERVAL_MS,
      run: () => this.expire(),
      failure: 'Those who wait for generations could not be told that their time ran out',
      logger,
    });
    // A task of its own, because nobody waits longer than agreed while the database takes its time.
    periodic.add({
      name: 'generations.waiters-elsewhere',
      intervalMs: LOOK_UP_INTERVAL_MS,
      run: () => this.lookUpRemote(),
      failure: 'What other replicas did could not be looked up',
      logger,
    });
  }

  /** Begins to listen at once, so that nothing that happens after the call is missed. */
  wait(id: string, until: WaitUntil, timeoutMs: number): Promise<WaitResult> {
    return new Promise<WaitResult>((resolve) => {
      const known = this.waiting.get(id) ?? new Set();
      this.waiting.set(id, known);
      const waiter: Waiter = {
        until,
        expiresAtMs: this.clock.monotonicMs() + timeoutMs,
        wake: (result) => {
          stopListening();
          known.delete(waiter);
          if (known.size === 0 && this.waiting.get(id) === known) this.waiting.delete(id);
          resolve(result);
        },
      };
      const stopListening = this.signals.listen(id, (signal) => {
        if (signal.type === 'ended') waiter.wake({ reached: true, record: signal.record });
        else if (until === 'accepted' && signal.type === 'accepted') waiter.wake({ reached: true });
      });
      known.add(waiter);
    });
  }

  private expire(): void {
    if (this.waiting.size === 0) return;
    const now = this.clock.monotonicMs();
    for (const waiters of [...this.waiting.values()]) {
      for (const waiter of [...waiters]) if (waiter.expiresAtMs <= now) waiter.wake({ reached: false });
    }
  }

  private async lookUpRemote(): Promise<void> {
    if (this.waiting.size === 0) return;
    const here = this.leases.generationIds;
    const ids = [...this.waiting.keys()].filter((id) => !here.has(id));
    for (let start = 0; start < ids.length; start += LOOK_UP_AT_ONCE) {
      for (const { id, status } of await this.repository.statusesOf(ids.slice(start, start + LOOK_UP_AT_ONCE))) {
        const accepted = status === 'running' || status === 'ingesting';
        if (isTerminal(status)) this.signals.send(id, { type: 'ended' });
        else if (accepted) this.signals.send(id, { type: 'accepted' });
      }
    }
  }
}

/** The generations for whose end a caller of this process waits while they follow another: they can end with it, without being taken up first. */
@Injectable()
export class LocalFollowers {
  private readonly byLeader = new Map<string, Map<string, GenerationEntity>>();

  join(leaderId: string, follower: GenerationEntity): void {
    const known = this.byLeader.get(leaderId) ?? new Map<string, GenerationEntity>();
    this.byLeader.set(leaderId, known.set(follower.id, follower));
  }

  /** It has ended, or its caller waits no longer. */
  leave(leaderId: string, followerId: string): void {
    const known = this.byLeader.get(leaderId);
    known?.delete(followerId);
    if (known?.size === 0) this.byLeader.delete(leaderId);
  }

  of(leaderId: string): readonly GenerationEntity[] {
    return [...(this.byLeader.get(leaderId)?.values() ?? [])];
  }

  has(leaderId: string): boolean {
    return this.byLeader.has(leaderId);
  }
}
