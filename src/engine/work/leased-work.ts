import type { Logger } from '@nestjs/common';
import { stackOf } from '../../platform/common/index.js';
import type { Config } from '../../platform/config/index.js';
import type { PeriodicTask, PeriodicTaskOptions, PeriodicTasks } from '../../platform/schedule/index.js';

const MS_PER_SECOND = 1000;

export interface LeasedWorkOptions extends Pick<PeriodicTaskOptions, 'name' | 'failure' | 'gatherMs'> {
  /** What is waited for at the end, such as `webhook deliveries`. */
  readonly what: string;
  readonly logger: Logger;
  /** Takes leases on what is due, and starts it with {@link LeasedWork.track}. @returns `skipped` where it did not look */
  readonly claim: PeriodicTaskOptions['run'];
  /** How many pieces of work are under way, whenever that changes. */
  readonly counted?: (count: number) => void;
}

export interface Drained {
  readonly waitedFor: number;
  /** What did not end within the grace; whoever finds its lease lapsed takes it up again. */
  readonly left: number;
}

/** Work that any process may do under a lease: claimed at every tick, counted while it runs, and drained when the process ends. */
export class LeasedWork {
  private readonly tasks = new Set<Promise<void>>();
  private readonly claiming: PeriodicTask;
  private draining = false;

  constructor(
    periodic: PeriodicTasks,
    private readonly config: Pick<Config, 'role' | 'engine' | 'server'>,
    private readonly options: LeasedWorkOptions,
  ) {
    const { name, failure, gatherMs, logger, claim } = options;
    this.claiming = periodic.add({
      name,
      intervalMs: config.engine.tick_ms,
      run: claim,
      failure,
      failureLevel: 'error',
      logger,
      isForWorkers: true,
      ...(gatherMs === undefined ? {} : { gatherMs }),
    });
  }

  get isDraining(): boolean {
    return this.draining;
  }

  /** Whether this process may begin something new. */
  get isOpen(): boolean {
    return !this.draining && this.config.role !== 'api';
  }

  get count(): number {
    return this.tasks.size;
  }

  /** Looks for what is due now, or joins the look that is under way. Never rejects. */
  claim(): Promise<void> {
    return this.claiming.run();
  }

  /** Looks soon rather than at the next tick. */
  wake(): void {
    this.claiming.wake();
  }

  /** Logs that something due could not be claimed, where that was not tried at a tick. */
  claimFailed(error: unknown): void {
    this.claiming.failed(error);
  }

  /**
   * Counts work until it is over.
   * @param subject how the log line of a failure begins, such as `The delivery wd_1`
   * @returns a promise that never rejects
   */
  track(work: Promise<void>, subject: string, ended?: () => void): Promise<void> {
    const { logger, counted } = this.options;
    const over = (): void => {
      this.tasks.delete(task);
      counted?.(this.tasks.size);
      ended?.();
    };
    const task: Promise<void> = work.then(over, (error: unknown) => {
      logger.error(`${subject} failed and will be taken up again`, stackOf(error));
      over();
    });
    this.tasks.add(task);
    counted?.(this.tasks.size);
    return task;
  }

  /**
   * Takes nothing new and lets what is under way end, within `server.shutdown_grace_seconds`.
   * @param giveBack what was claimed and not begun
   */
  async drain(giveBack?: () => Promise<void>): Promise<Drained> {
    this.draining = true;
    const { what, logger } = this.options;
    const graceMs = this.config.server.shutdown_grace_seconds * MS_PER_SECOND;
    const grace = new Promise<void>((resolve) => setTimeout(resolve, graceMs).unref());
    await Promise.race([this.claiming.stop(), grace]);
    await giveBack?.();
    const waitedFor = this.tasks.size;
    if (waitedFor > 0) {
      logger.log(`Waiting for ${waitedFor} ${what}`);
      await Promise.race([Promise.allSettled([...this.tasks]), grace]);
    }
    return { waitedFor, left: this.tasks.size };
  }
}
