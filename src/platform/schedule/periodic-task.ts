import { AsyncResource } from 'node:async_hooks';
import type { Logger } from '@nestjs/common';
import type { SchedulerRegistry } from '@nestjs/schedule';
import { type Clock, stackOf } from '../common/index.js';
import { isUnavailable } from '../database/index.js';

/** A failure that goes on is logged again after this time. */
const REPEAT_LINE_AFTER_MS = 600_000;

/** `due`: its time came, or somebody waits for it. `woken`: somebody said that there is something to do. */
export type RunCause = 'due' | 'woken';

export interface PeriodicTaskOptions {
  /** In the registry of @nestjs/schedule, such as `webhooks.retention`. */
  readonly name: string;
  readonly intervalMs: number;
  /** @returns `skipped` where nothing was tried, which says nothing of a failure before */
  readonly run: (cause: RunCause) => unknown;
  /** How the log line of a failure begins, such as `Expired quotes could not be removed`. */
  readonly failure: string;
  readonly logger: Pick<Logger, 'error' | 'warn' | 'debug'>;
  /** `error` is written with its stack, and is a warning while the database is unavailable. Default: `warn` */
  readonly failureLevel?: 'error' | 'warn' | 'debug';
  /** Whether processes whose role is `api` leave it to the others. */
  readonly isForWorkers?: boolean;
  /** What wakes it within this time is answered by one run. Default: 0, one turn of the event loop */
  readonly gatherMs?: number;
}

/**
 * Something that is done again and again, and never twice at the same time. A tick that finds a run under way is left out; a wake-up then is
 * followed by one run more.
 */
export class PeriodicTask {
  private running: Promise<void> | undefined;
  private isStarted = false;
  private isStopped = false;
  /** A run is about to begin. */
  private isGathering = false;
  private isWokenMeanwhile = false;
  private lastFailure: { readonly kind: string; readonly loggedAtMs: number } | undefined;
  /** Whoever wakes this may be inside a transaction or a trace, and what is done then must not think that it is inside too. */
  private readonly runOutside = AsyncResource.bind(() => this.runGathered());

  constructor(
    private readonly options: PeriodicTaskOptions,
    private readonly registry: SchedulerRegistry,
    private readonly clock: Pick<Clock, 'monotonicMs'>,
    /** By the role of the process. */
    private readonly isForbidden: boolean,
  ) {}

  start(): void {
    if (this.isForbidden || this.isStarted || this.isStopped) return;
    this.isStarted = true;
    this.registry.addInterval(
      this.options.name,
      setInterval(() => void this.run(), this.options.intervalMs),
    );
    if (this.isWokenMeanwhile) this.wakeAgain();
  }

  /** Runs now, or joins the run that is under way. Never rejects. */
  run(cause: RunCause = 'due'): Promise<void> {
    if (this.isForbidden || this.isStopped) return Promise.resolve();
    this.running ??= this.attempt(cause).finally(() => {
      this.running = undefined;
      if (this.isWokenMeanwhile) this.wakeAgain();
    });
    return this.running;
  }

  /** Runs soon rather than at the next tick; when the application is bootstrapped, and when the run under way is over. */
  wake(): void {
    if (this.isForbidden || this.isStopped || this.isGathering) return;
    if (!this.isStarted) {
      this.isWokenMeanwhile = true;
      return;
    }
    this.isGathering = true;
    const { gatherMs = 0 } = this.options;
    if (gatherMs > 0) setTimeout(this.runOutside, gatherMs);
    else setImmediate(this.runOutside);
  }

  /** Runs no more. Resolves when the run under way is over. */
  async stop(): Promise<void> {
    this.isStopped = true;
    const { name } = this.options;
    if (this.registry.doesExist('interval', name)) this.registry.deleteInterval(name);
    await this.running;
  }

  /** Logs a failure once, until it is another one, or the next run works. */
  failed(error: unknown): void {
    const { logger, failure, failureLevel = 'warn' } = this.options;
    const nowMs = this.clock.monotonicMs();
    const line = `${failure}: ${String(error)}`;
    const kind = line.replace(/\d+/g, '#');
    if (this.lastFailure?.kind === kind && nowMs - this.lastFailure.loggedAtMs < REPEAT_LINE_AFTER_MS) {
      logger.debug(line);
      return;
    }
    this.lastFailure = { kind, loggedAtMs: nowMs };
    if (failureLevel !== 'error') logger[failureLevel](line);
    else if (isUnavailable(error)) logger.warn(line);
    else logger.error(failure, stackOf(error));
  }

  private async attempt(cause: RunCause): Promise<void> {
    try {
      if ((await this.options.run(cause)) !== 'skipped') this.lastFailure = undefined;
    } catch (error) {
      this.failed(error);
    }
  }

  private runGathered(): void {
    this.isGathering = false;
    if (this.running === undefined) void this.run('woken');
    else this.isWokenMeanwhile = true;
  }

  private wakeAgain(): void {
    this.isWokenMeanwhile = false;
    this.wake();
  }
}
