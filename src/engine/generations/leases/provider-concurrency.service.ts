import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '../../../platform/common/index.js';
import { CONFIG, type Config } from '../../../platform/config/index.js';
import { MetricsService } from '../../../platform/metrics/index.js';
import { type CallKind, nextLimit } from './provider-concurrency.policy.js';

class Slots {
  taken = 0;

  constructor(
    readonly most: number,
    public limit = most,
  ) {}

  get room(): number {
    return Math.max(0, this.limit - this.taken);
  }
}

interface Account {
  readonly slots: Readonly<Record<CallKind, Slots>>;
  /** Monotonic; until then the vendor is asked nothing, by its own wish. */
  pausedUntilMs: number;
}

interface Place {
  readonly provider: string;
  kind: CallKind;
}

const KINDS: readonly CallKind[] = ['submit', 'poll', 'fetch'];

/**
 * What runs in this process, by vendor account and kind of work, each with a bound of its own: a vendor that hangs fills its own slots and
 * nobody else's. When a vendor leaves polls unanswered, fewer are asked at a time, down to one, until it answers again.
 */
@Injectable()
export class ProviderConcurrency {
  private readonly accounts = new Map<string, Account>();
  /** By attempt. */
  private readonly places = new Map<string, Place>();

  constructor(
    private readonly clock: Clock,
    private readonly metrics: MetricsService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** How much more may begin. */
  room(provider: string, kind: CallKind): number {
    const { slots, pausedUntilMs } = this.account(provider);
    return kind === 'poll' && pausedUntilMs > this.clock.monotonicMs() ? 0 : slots[kind].room;
  }

  most(provider: string, kind: CallKind): number {
    return this.account(provider).slots[kind].most;
  }

  /** Begins, also where there is no room: whoever claims asks for room first. @returns what to call at the end */
  enter(id: string, provider: string, kind: CallKind): () => void {
    const place: Place = { provider, kind };
    this.places.set(id, place);
    this.take(provider, kind, 1);
    return () => {
      this.take(provider, place.kind, -1);
      if (this.places.get(id) === place) this.places.delete(id);
    };
  }

  /** Goes over to another kind of call; false, and nothing changes, when it is full and `must` is not set. */
  move(id: string, kind: CallKind, must: boolean): boolean {
    const place = this.places.get(id);
    if (place === undefined || place.kind === kind) return true;
    if (!must && this.account(place.provider).slots[kind].room === 0) return false;
    this.take(place.provider, place.kind, -1);
    place.kind = kind;
    this.take(place.provider, kind, 1);
    return true;
  }

  /** How a poll went: any answer proves that the vendor is there. */
  polled(provider: string, hasAnswered: boolean): void {
    const { poll } = this.account(provider).slots;
    if (hasAnswered && poll.limit === poll.most) return;
    poll.limit = nextLimit(poll.limit, poll.most, hasAnswered);
    this.metrics.pollLimit(provider, poll.limit);
  }

  /** The vendor said that it is asked too often. */
  pausePolls(provider: string, durationMs: number): void {
    const account = this.account(provider);
    account.pausedUntilMs = Math.max(account.pausedUntilMs, this.clock.monotonicMs() + durationMs);
  }

  /** Whether the vendor has left so many polls unanswered that only one at a time is still tried. */
  isSilent(provider: string): boolean {
    const { poll } = this.account(provider).slots;
    return poll.limit === 1 && poll.most > 1;
  }

  private take(provider: string, kind: CallKind, count: 1 | -1): void {
    const slots = this.account(provider).slots[kind];
    slots.taken += count;
    this.metrics.tasksInFlight(provider, kind, slots.taken);
  }

  private account(provider: string): Account {
    let account = this.accounts.get(provider);
    if (account === undefined) {
      const { max_concurrent_tasks: tasks, max_concurrent_polls: polls } = this.config.engine;
      account = { slots: { submit: new Slots(tasks), poll: new Slots(polls), fetch: new Slots(tasks) }, pausedUntilMs: 0 };
      this.accounts.set(provider, account);
      for (const kind of KINDS) this.metrics.tasksInFlight(provider, kind, 0);
      this.metrics.pollLimit(provider, polls);
    }
    return account;
  }
}
