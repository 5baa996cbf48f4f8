import { Inject, Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Clock, newId } from '../common/index.js';
import { CONFIG, type Config } from '../config/index.js';
import { GenerationsRepository, type Lease } from './generations.repository.js';

const HEARTBEAT_MS = 5_000;

interface HeldLease {
  readonly lease: Lease;
  readonly deadlineAtMs: number;
  readonly controller: AbortController;
}

/** Why a call to a vendor was given up. */
export class DeadlinePassed extends Error {}
export class LeaseLost extends Error {}

/** Keeps the leases of the work that runs in this process alive, and gives up what passed its deadline or was taken over. */
@Injectable()
export class LeaseKeeper {
  /** Names this process in `lease_owner`. */
  readonly owner = newId('replica');
  private readonly held = new Map<string, HeldLease>();
  private readonly logger = new Logger(LeaseKeeper.name);
  private beating = false;

  constructor(
    private readonly clock: Clock,
    private readonly repository: GenerationsRepository,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  get count(): number {
    return this.held.size;
  }

  holds(id: string): boolean {
    return this.held.has(id);
  }

  leaseUntilMs(): number {
    return this.clock.nowMs() + this.config.engine.lease_seconds * 1000;
  }

  /** Runs work under a lease that is already taken in the database. The signal fires at the deadline or when the lease is lost. */
  async during<T>(lease: Lease, deadlineAtMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const entry: HeldLease = { lease, deadlineAtMs, controller: new AbortController() };
    this.held.set(lease.id, entry);
    try {
      return await work(entry.controller.signal);
    } finally {
      if (this.held.get(lease.id) === entry) this.held.delete(lease.id);
    }
  }

  @Interval('generations.heartbeat', HEARTBEAT_MS)
  async beat(): Promise<void> {
    if (this.held.size === 0 || this.beating) return;
    this.beating = true;
    try {
      const now = this.clock.nowMs();
      for (const { deadlineAtMs, controller } of this.held.values()) {
        if (deadlineAtMs <= now && !controller.signal.aborted) controller.abort(new DeadlinePassed('The deadline has passed'));
      }
      const entries = [...this.held.values()];
      const alive = await this.repository.heartbeat(
        this.owner,
        entries.map(({ lease }) => lease.id),
        this.leaseUntilMs(),
      );
      for (const entry of entries) {
        // Work that ended while the statement ran is no longer held here, and no longer leased there.
        if (!alive.has(entry.lease.id) && this.held.get(entry.lease.id) === entry) {
          entry.controller.abort(new LeaseLost('Another replica took over'));
        }
      }
    } catch (error) {
      this.logger.warn(`Leases could not be renewed: ${String(error)}`);
    } finally {
      this.beating = false;
    }
  }
}
