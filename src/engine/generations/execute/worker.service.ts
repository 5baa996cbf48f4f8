import { type BeforeApplicationShutdown, Inject, Injectable, Logger } from '@nestjs/common';
import { StorageHealth } from '../../../domain/storage/index.js';
import { Clock } from '../../../platform/common/index.js';
import { CONFIG, type Config } from '../../../platform/config/index.js';
import { MetricsService } from '../../../platform/metrics/index.js';
import { PeriodicTasks } from '../../../platform/schedule/index.js';
import { LeasedWork } from '../../work/index.js';
import { LeaseKeeper } from '../leases/lease-keeper.service.js';
import { CALL_KIND_OF, type CallKind } from '../leases/provider-concurrency.policy.js';
import { ProviderConcurrency } from '../leases/provider-concurrency.service.js';
import { type AttemptEntity, hasJob, isBegun, type Lease } from '../model/attempt.entity.js';
import { isTerminal } from '../model/generation.types.js';
import type { Held } from '../model/held.js';
import { isActiveState, statusOf } from '../model/transitions.js';
import { EndWriter, Settler } from '../settle/settler.service.js';
import { Followers } from '../share/followers.service.js';
import { type ClaimOrder, type DueQueue, LeasesRepository } from '../store/leases.repository.js';
import { VendorCalls } from '../vendor/vendor-calls.service.js';
import { Dispatcher } from './dispatcher.service.js';
import { PollPace } from './poll-pace.service.js';
import { Watcher } from './watcher.service.js';

const CLAIM_AT_ONCE = 256;
/** How often jobs past their deadline are looked for among those of a vendor that answers nothing. */
const OVERDUE_EVERY_MS = 5_000;
/** Until what would be sent to a vendor is looked at again, while its result could not be stored. */
const STORAGE_PAUSE_MS = 1_000;

/** Takes attempts that are due, from this process or from one that died, and carries each a step further. */
@Injectable()
export class Worker implements BeforeApplicationShutdown {
  private readonly logger = new Logger(Worker.name);
  private readonly work: LeasedWork;
  /** Queues that are being filled, and those where more was due than there was room for. */
  private readonly filling = new Set<string>();
  private readonly backlogged = new Map<string, DueQueue>();
  private readonly overdueAtMs = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    private readonly repository: LeasesRepository,
    private readonly leases: LeaseKeeper,
    private readonly concurrency: ProviderConcurrency,
    private readonly pace: PollPace,
    private readonly dispatcher: Dispatcher,
    private readonly watcher: Watcher,
    private readonly settler: Settler,
    private readonly writer: EndWriter,
    private readonly followers: Followers,
    private readonly calls: VendorCalls,
    private readonly metrics: MetricsService,
    private readonly storage: StorageHealth,
    @Inject(CONFIG) config: Config,
    periodic: PeriodicTasks,
  ) {
    this.work = new LeasedWork(periodic, config, {
      name: 'generations.worker',
      what: 'calls to vendors',
      claim: () => this.claimDue(),
      failure: 'Due generations could not be claimed',
      logger: this.logger,
    });
  }

  /** Whether this process may call a vendor for a new generation at once. */
  hasRoom(provider: string): boolean {
    return this.work.isOpen && this.concurrency.room(provider, 'submit') > 0;
  }

  get isDraining(): boolean {
    return this.work.isDraining;
  }

  /** Runs work under a lease that the database already shows. */
  run({ lease, generation, attempt }: Held, kind: CallKind, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const leave = this.concurrency.enter(attempt.id, attempt.provider, kind);
    return this.work.track(this.leases.during(lease, generation, work), `Work on ${generation.id}`, () => {
      leave();
      this.refill(attempt.provider);
    });
  }

  /** Takes what is due now, vendor by vendor. Never rejects. */
  tick(): Promise<void> {
    return this.work.claim();
  }

  /** Takes what is due soon rather than at the next tick. */
  wake(): void {
    this.work.wake();
  }

  private async claimDue(): Promise<'skipped' | undefined> {
    if (this.leases.isDatabaseAway() || !(await this.leases.catchUp())) return 'skipped';
    const due = await this.leases.asking(async () => {
      await this.pace.refresh();
      return this.repository.dueQueues(this.clock.nowMs());
    });
    const bounded = due.filter((queue) => this.budgetsOf(queue).length > 0);
    await Promise.all([
      ...due.filter((queue) => !bounded.includes(queue)).map((queue) => this.fill(queue)),
      // Accounts that share a budget take turns by what is due the longest.
      this.fillInOrder(bounded),
    ]);
    return undefined;
  }

  /** Takes as much of a queue as there is room for, in this process and in the vendor's budgets. */
  private async fill(queue: DueQueue): Promise<void> {
    const name = queueName(queue);
    if (this.filling.has(name) || this.isDraining) return;
    const kind = CALL_KIND_OF[queue.state];
    const limit = Math.min(CLAIM_AT_ONCE, this.concurrency.room(queue.provider, kind));
    this.filling.add(name);
    try {
      if (limit > 0) {
        const { claimed, more } = await this.claim(queue, { limit, budgets: this.budgetsOf(queue) });
        for (const one of claimed) this.take(one, (held, signal) => this.carryOn(held, signal));
        if (more) this.backlogged.set(name, queue);
      }
      if (kind === 'poll' && this.concurrency.isSilent(queue.provider)) await this.endOverdue(queue);
    } finally {
      this.filling.delete(name);
    }
  }

  private async fillInOrder(queues: readonly DueQueue[]): Promise<void> {
    for (const queue of queues) await this.fill(queue);
  }

  private budgetsOf({ provider, state }: DueQueue) {
    return state === 'accepted' ? this.pace.budgetsOf(provider) : [];
  }

  /** A silent vendor is asked about one job at a time. The others do not wait for their turn longer than until their deadline. */
  private async endOverdue(queue: DueQueue): Promise<void> {
    const now = this.clock.monotonicMs();
    if (now - (this.overdueAtMs.get(queue.provider) ?? Number.NEGATIVE_INFINITY) < OVERDUE_EVERY_MS) return;
    this.overdueAtMs.set(queue.provider, now);
    const { claimed } = await this.claim(queue, { limit: CLAIM_AT_ONCE, overdue: true });
    for (const one of claimed) {
      this.take(one, async (held, signal) => {
        // By the row it is over, and not by the clock with which it began.
        if (held.generation.deadlineAt > this.clock.nowMs()) return this.watcher.look(held, signal);
        await this.watcher.abandon(held, 'it answers nothing.');
      });
    }
  }

  private claim(queue: DueQueue, order: Pick<ClaimOrder, 'limit' | 'budgets' | 'overdue'>): ReturnType<LeasesRepository['claim']> {
    const { leases } = this;
    const claimer = {
      owner: leases.owner,
      nowMs: this.clock.nowMs(),
      leaseUntilMs: leases.leaseUntilMs(),
      others: leases.mayTakeOver(),
      own: leases.unrenewed,
    };
    return leases.asking(() => this.repository.claim(queue, { ...claimer, ...order }));
  }

  private take(held: Held, work: (held: Held, signal: AbortSignal) => Promise<void>): void {
    const { generation, attempt } = held;
    generation.deadlineAt = this.leases.deadlineOf(generation);
    const now = this.clock.nowMs();
    if (isActiveState(attempt.state)) this.metrics.queueLag(statusOf(attempt.state), now - (attempt.dueAt ?? now));
    void this.run(held, callKindOf(attempt), (signal) => work(held, signal));
  }

  /** Carries an attempt a step further that was claimed apart from the queues. */
  carryClaimed(held: Held): Promise<void> {
    return this.run(held, callKindOf(held.attempt), (signal) => this.carryOn(held, signal));
  }

  /** More was due than a queue had room for: goes on when half of it is free again, rather than at the next tick. */
  private refill(provider: string): void {
    for (const [name, queue] of this.backlogged) {
      const kind = CALL_KIND_OF[queue.state];
      if (queue.provider !== provider || this.concurrency.room(provider, kind) * 2 < this.concurrency.most(provider, kind)) continue;
      this.backlogged.delete(name);
      setImmediate(() => {
        this.fill(queue).catch((error: unknown) => this.work.claimFailed(error));
      });
    }
  }

  private async carryOn(held: Held, signal: AbortSignal): Promise<void> {
    if (isTerminal(held.generation.status)) return this.endOutlived(held, signal);
    switch (held.attempt.state) {
      case 'queued':
        return this.tryQueued(held, signal);
      case 'sent':
        return this.recover(held, signal);
      case 'accepted':
        return this.watcher.look(held, signal);
      case 'fetching':
        return this.fetchAgain(held, signal);
      default:
        return undefined;
    }
  }

  private async tryQueued(held: Held, signal: AbortSignal): Promise<void> {
    const { generation } = held;
    if (generation.cancelRequestedAt !== null) return this.settler.endUntried(held, 'cancelled', null);
    if (generation.deadlineAt <= this.clock.nowMs()) {
      return this.settler.endUntried(held, 'failed', {
        code: 'deadline_exceeded',
        message: 'The generation waited in the queue until its deadline passed.',
        details: { charged: 'no' },
      });
    }
    if (!this.storage.isAvailable) return this.waitForStorage(held.lease, 'queued');
    if (generation.cachedFrom !== null && !(await this.followers.look(held, generation.cachedFrom))) return;
    return this.dispatcher.begin(held, signal);
  }

  private async recover(held: Held, signal: AbortSignal): Promise<void> {
    if (!this.storage.isAvailable) return this.waitForStorage(held.lease, 'sent');
    return this.dispatcher.recover(held, signal);
  }

  private async waitForStorage(lease: Lease, state: 'queued' | 'sent'): Promise<void> {
    const nowMs = this.clock.nowMs();
    await this.repository.release(lease, { state, nextRunAtMs: nowMs + STORAGE_PAUSE_MS }, nowMs);
  }

  private async fetchAgain(held: Held, signal: AbortSignal): Promise<void> {
    if (hasJob(held.attempt)) return this.watcher.look(held, signal);
    const { result } = held.attempt;
    if (result === null) return this.dispatcher.recover(held, signal);
    const prepared = await this.calls.prepare(held, signal);
    const warnings = [...(result.warnings ?? []), ...prepared.warnings];
    return this.settler.complete(held, this.calls.storedFinish(result), prepared.call, warnings, signal);
  }

  /** Another attempt has ended the generation: this one is cancelled where its vendor can do that, and left alone otherwise. */
  private async endOutlived(held: Held, signal: AbortSignal): Promise<void> {
    if (!isBegun(held.attempt)) return this.settler.endOutlived(held, 'not_sent', 'no');
    if (held.attempt.state === 'accepted' && (await this.watcher.cancelFirst(held, signal))) return;
    return this.settler.endOutlived(held, 'unknown', 'unknown');
  }

  async beforeApplicationShutdown(): Promise<void> {
    const { waitedFor, left } = await this.work.drain();
    if (waitedFor === 0) return;
    this.writer.stop();
    if (left > 0) this.logger.warn(`${left} calls to vendors did not end in time; another replica takes them over`);
  }
}

function callKindOf({ state }: AttemptEntity): CallKind {
  return isActiveState(state) ? CALL_KIND_OF[state] : 'poll';
}

function queueName({ provider, state }: DueQueue): string {
  return `${provider} ${state}`;
}
