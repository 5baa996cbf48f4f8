import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import type { Model } from '../../../domain/catalog/index.js';
import { Clock, newId } from '../../../platform/common/index.js';
import { CONFIG, type Config } from '../../../platform/config/index.js';
import { isUnavailable } from '../../../platform/database/index.js';
import type { Lease } from '../model/attempt.entity.js';
import type { GenerationEntity } from '../model/generation.entity.js';
import { LeasesRepository } from '../store/leases.repository.js';

const HEARTBEAT = 'generations.heartbeat';
const LONGEST_HEARTBEAT_MS = 5_000;
/** A beat may be missed without losing the lease. */
const BEATS_PER_LEASE = 3;
const AWAY_PAUSE_MS = 500;
const SLOW_ANSWER_MS = 2_000;

interface HeldLease {
  readonly lease: Lease;
  /** Its deadline moves with a step of the clock. */
  readonly generation: Pick<GenerationEntity, 'deadlineAt'>;
  /** On the clock that never jumps. */
  readonly deadlineMonotonicMs: number;
  readonly controller: AbortController;
}

/** Why a call to a vendor was given up. */
export class DeadlinePassed extends Error {}
export class LeaseLost extends Error {}

/** Keeps the leases of the work that runs in this process alive, and gives up what passed its deadline or was taken over. */
@Injectable()
export class LeaseKeeper implements OnApplicationBootstrap {
  /** Names this process in `lease_owner`. */
  readonly owner = newId('replica');
  /** By attempt. */
  private readonly held = new Map<string, HeldLease>();
  private readonly logger = new Logger(LeaseKeeper.name);
  private beating: Promise<void> | undefined;
  private lastBeatMs = Number.NEGATIVE_INFINITY;
  private locked: readonly string[] = [];
  /** Forwards, of the clock, since this process began. */
  private readonly steps: { readonly beforeMs: number; readonly movedMs: number }[] = [];
  private awayAtMs: number | undefined;
  private answeringSinceMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly clock: Clock,
    private readonly schedule: SchedulerRegistry,
    private readonly repository: LeasesRepository,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  get count(): number {
    return this.held.size;
  }

  /** The generations on which this process works. */
  get generationIds(): ReadonlySet<string> {
    return new Set([...this.held.values()].map(({ lease }) => lease.generationId));
  }

  leaseUntilMs(): number {
    return this.clock.nowMs() + this.config.engine.lease_seconds * 1000;
  }

  /** Runs work under a lease that is already taken in the database. The signal fires at the deadline or when the lease is lost. */
  async during<T>(lease: Lease, generation: Pick<GenerationEntity, 'deadlineAt'>, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const deadlineMonotonicMs = this.clock.monotonicMs() + generation.deadlineAt - this.clock.nowMs();
    const entry: HeldLease = { lease, generation, deadlineMonotonicMs, controller: new AbortController() };
    this.held.set(lease.attemptId, entry);
    try {
      return await work(entry.controller.signal);
    } finally {
      if (this.held.get(lease.attemptId) === entry) this.held.delete(lease.attemptId);
    }
  }

  /** No periodic task: beats go on while work is drained, and {@link catchUp} measures them. */
  onApplicationBootstrap(): void {
    this.schedule.addInterval(
      HEARTBEAT,
      setInterval(() => void this.beat(), this.heartbeatMs),
    );
  }

  private get heartbeatMs(): number {
    return Math.min(LONGEST_HEARTBEAT_MS, (this.config.engine.lease_seconds * 1000) / BEATS_PER_LEASE);
  }

  /**
   * A process that stood still for a while must renew what it holds before it takes what is due: that may be its own work.
   * @returns whether it may; not when its leases cannot be renewed
   */
  async catchUp(): Promise<boolean> {
    if (this.clock.monotonicMs() - this.lastBeatMs >= 2 * this.heartbeatMs) await this.beat();
    return this.clock.monotonicMs() - this.lastBeatMs < 2 * this.heartbeatMs;
  }

  /** What this process holds although it could not be renewed just now, because somebody else had it locked. */
  get unrenewed(): readonly string[] {
    return this.locked;
  }

  /**
   * Does work that asks the database for leases, and learns from it whether the database was away: then the others could not renew what
   * they hold either.
   */
  async asking<T>(work: () => Promise<T>): Promise<T> {
    const beganMs = this.clock.monotonicMs();
    try {
      const result = await work();
      const nowMs = this.clock.monotonicMs();
      if (this.awayAtMs !== undefined || nowMs - beganMs > Math.max(SLOW_ANSWER_MS, this.heartbeatMs)) this.answeringSinceMs = nowMs;
      this.awayAtMs = undefined;
      return result;
    } catch (error) {
      if (isUnavailable(error)) this.awayAtMs = this.clock.monotonicMs();
      throw error;
    }
  }

  /** For a moment after it was found away, the database is not asked for more work. */
  isDatabaseAway(): boolean {
    return this.awayAtMs !== undefined && this.clock.monotonicMs() - this.awayAtMs < AWAY_PAUSE_MS;
  }

  /** Whether a lease that lapsed means that its holder is gone: the database has been there for as long as a lease lasts. */
  mayTakeOver(): boolean {
    return this.awayAtMs === undefined && this.clock.monotonicMs() - this.answeringSinceMs >= this.config.engine.lease_seconds * 1000;
  }

  /**
   * The clock was set from `beforeMs` by `movedMs`. Nobody's lease is taken for lapsed before its holder had the time to renew it by the new
   * clock, and no deadline comes sooner than it was to.
   */
  async onStep(beforeMs: number, movedMs: number): Promise<void> {
    this.answeringSinceMs = this.clock.monotonicMs();
    if (movedMs > 0) {
      this.steps.push({ beforeMs, movedMs });
      for (const { generation } of this.held.values()) generation.deadlineAt += movedMs;
    }
    await this.beat();
  }

  /** The deadline of what began at `createdAt`, by the clock as it is now. After a step backwards the old one still stands, later than it was to. */
  deadlineOf({ createdAt, deadlineAt }: Pick<GenerationEntity, 'createdAt' | 'deadlineAt'>): number {
    return this.steps.reduce((sum, { beforeMs, movedMs }) => (createdAt <= beforeMs ? sum + movedMs : sum), deadlineAt);
  }

  beat(): Promise<void> {
    this.beating ??= this.renew().finally(() => {
      this.beating = undefined;
    });
    return this.beating;
  }

  private async renew(): Promise<void> {
    const beganMs = this.clock.monotonicMs();
    try {
      for (const { deadlineMonotonicMs, controller } of this.held.values()) {
        if (deadlineMonotonicMs <= beganMs && !controller.signal.aborted) controller.abort(new DeadlinePassed('The deadline has passed'));
      }
      const entries = [...this.held.values()];
      if (entries.length > 0) {
        const ids = entries.map(({ lease }) => lease.attemptId);
        const { alive, locked } = await this.asking(() => this.repository.heartbeat(this.owner, ids, this.leaseUntilMs()));
        this.locked = locked;
        for (const entry of entries) {
          // Work that ended while the statement ran is no longer held here, and no longer leased there.
          if (!alive.has(entry.lease.attemptId) && this.held.get(entry.lease.attemptId) === entry) {
            entry.controller.abort(new LeaseLost('Another replica took over'));
          }
        }
      }
      this.lastBeatMs = beganMs;
    } catch (error) {
      this.logger.warn(`Leases could not be renewed: ${String(error)}`);
    }
  }
}

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
