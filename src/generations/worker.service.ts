import { type BeforeApplicationShutdown, Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { Clock } from '../common/index.js';
import { CONFIG, type Config } from '../config/index.js';
import { Database, isUnavailable } from '../database/index.js';
import { MetricsService } from '../metrics/index.js';
import { Dispatcher } from './dispatcher.service.js';
import { Followers } from './followers.service.js';
import type { GenerationEntity } from './generation.entity.js';
import { GenerationsRepository, type Lease } from './generations.repository.js';
import { LeaseKeeper } from './lease-keeper.service.js';
import { type Held, Settler } from './settler.service.js';
import { VendorCalls } from './vendor-calls.service.js';
import { Watcher } from './watcher.service.js';

const TICK = 'generations.worker';
const CLAIM_AT_ONCE = 100;

/** Takes generations that are due, from this process or from one that died, and carries each a step further. */
@Injectable()
export class Worker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly tasks = new Set<Promise<void>>();
  private readonly logger = new Logger(Worker.name);
  private claiming = false;
  private draining = false;

  constructor(
    private readonly clock: Clock,
    private readonly schedule: SchedulerRegistry,
    private readonly database: Database,
    private readonly repository: GenerationsRepository,
    private readonly leases: LeaseKeeper,
    private readonly dispatcher: Dispatcher,
    private readonly watcher: Watcher,
    private readonly settler: Settler,
    private readonly followers: Followers,
    private readonly calls: VendorCalls,
    private readonly metrics: MetricsService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.role === 'api') return;
    this.schedule.addInterval(
      TICK,
      setInterval(() => void this.tick(), this.config.engine.tick_ms),
    );
  }

  /** Whether this process may call a vendor for a new generation at once. */
  hasRoom(): boolean {
    return !this.draining && this.config.role !== 'api' && this.tasks.size < this.config.engine.max_concurrent_tasks;
  }

  get isDraining(): boolean {
    return this.draining;
  }

  /** Runs work under a lease that the database already shows. */
  run(lease: Lease, generation: GenerationEntity, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const task = this.leases
      .during(lease, generation.deadlineAt, work)
      .catch((error: unknown) => this.logger.error(`Work on ${generation.id} failed and will be taken up again`, stackOf(error)))
      .finally(() => this.tasks.delete(task));
    this.tasks.add(task);
    this.metrics.tasksInFlight(this.tasks.size);
    return task;
  }

  async tick(): Promise<void> {
    const room = this.config.engine.max_concurrent_tasks - this.tasks.size;
    if (this.claiming || this.draining || room <= 0) return;
    this.claiming = true;
    try {
      await this.leases.catchUp();
      const now = this.clock.nowMs();
      const limit = Math.min(room, CLAIM_AT_ONCE);
      const others = this.leases.mayTakeOver();
      const claimed = await this.repository.claim(this.leases.owner, now, this.leases.leaseUntilMs(), limit, others);
      // More may be due than one batch holds.
      if (claimed.length === limit) setImmediate(() => void this.tick());
      for (const generation of claimed) {
        this.metrics.queueLag(generation.status, now - (generation.dueAt ?? now));
        const lease = { id: generation.id, token: generation.leaseToken };
        void this.run(lease, generation, (signal) => this.carryOn(lease, generation, signal));
      }
    } catch (error) {
      this.leases.noteFailure(error);
      if (isUnavailable(error)) this.logger.warn(`Due generations could not be claimed: ${String(error)}`);
      else this.logger.error('Due generations could not be claimed', stackOf(error));
    } finally {
      this.claiming = false;
    }
  }

  async carryOn(lease: Lease, generation: GenerationEntity, signal: AbortSignal): Promise<void> {
    const { attemptId } = generation;
    const attempt = attemptId === null ? null : await this.database.insist(() => this.repository.findAttempt(attemptId));
    const held: Held | null = attempt === null ? null : { lease, generation, attempt };
    switch (generation.status) {
      case 'queued':
        return this.tryQueued(lease, generation, signal);
      case 'dispatching':
        return held === null ? undefined : this.recover(held, signal);
      case 'running':
        return held === null ? undefined : this.watcher.look(held, signal);
      case 'ingesting':
        return held === null ? undefined : this.fetchAgain(held, signal);
      default:
        return undefined;
    }
  }

  private async tryQueued(lease: Lease, generation: GenerationEntity, signal: AbortSignal): Promise<void> {
    if (generation.cancelRequestedAt !== null) return this.settler.endUntried(lease, generation, 'cancelled', null);
    if (generation.deadlineAt <= this.clock.nowMs()) {
      return this.settler.endUntried(lease, generation, 'failed', {
        code: 'deadline_exceeded',
        message: 'The generation waited in the queue until its deadline passed.',
        details: { charged: 'no' },
      });
    }
    if (generation.cachedFrom !== null && !(await this.followers.look(lease, generation, generation.cachedFrom))) return;
    return this.dispatcher.tryNext(lease, generation, signal);
  }

  private async recover(held: Held, signal: AbortSignal): Promise<void> {
    // The vendor's answer may have been kept although the lease was lost before the status followed.
    if (held.attempt.state === 'accepted') return this.watcher.look(held, signal);
    return this.dispatcher.recover(held, signal);
  }

  private async fetchAgain(held: Held, signal: AbortSignal): Promise<void> {
    if (held.attempt.state === 'accepted') return this.watcher.look(held, signal);
    const { result } = held.attempt;
    if (result === null) return this.dispatcher.recover(held, signal);
    const prepared = await this.calls.prepare(held, signal);
    return this.settler.complete(held, this.calls.storedFinish(result), prepared.call, prepared.warnings, signal);
  }

  /** Takes nothing new and gives what runs its time; what is left over is taken up by another replica when its lease ends (R17). */
  async beforeApplicationShutdown(): Promise<void> {
    this.draining = true;
    if (this.schedule.doesExist('interval', TICK)) this.schedule.deleteInterval(TICK);
    if (this.tasks.size === 0) return;
    this.logger.log(`Waiting for ${this.tasks.size} calls to vendors`);
    const grace = new Promise<void>((resolve) => setTimeout(resolve, this.config.server.shutdown_grace_seconds * 1000).unref());
    await Promise.race([Promise.allSettled([...this.tasks]), grace]);
    if (this.tasks.size > 0) this.logger.warn(`${this.tasks.size} calls to vendors did not end in time; another replica takes them up`);
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
