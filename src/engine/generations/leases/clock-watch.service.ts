import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Clock } from '../../../platform/common/index.js';
import { CONFIG, type Config } from '../../../platform/config/index.js';
import { Database, rows } from '../../../platform/database/index.js';
import { type PeriodicTask, PeriodicTasks } from '../../../platform/schedule/index.js';
import { LeasesRepository } from '../store/leases.repository.js';
import { LeaseKeeper } from './lease-keeper.service.js';

const FOLLOW_INTERVAL_MS = 1_000;
const PULL_BACK_INTERVAL_MS = 10_000;
/** Below this it is no step, but how clocks run. */
const STEP_MS = 1_000;
/** Where the answer took longer, nobody knows which time it tells. */
const LONGEST_ANSWER_MS = 500;

/**
 * Keeps this process's clock with that of its database, which all replicas share, or, where that is a file, with the machine's. When that
 * steps, leases and deadlines go on as they were measured, and what waits for a time that was only reached by the old clock is pulled back.
 */
@Injectable()
export class ClockWatch implements OnApplicationBootstrap {
  private readonly logger = new Logger(ClockWatch.name);
  private readonly following: PeriodicTask;
  private readonly pullingBack: PeriodicTask;
  private isSet = false;

  constructor(
    private readonly clock: Clock,
    private readonly database: Database,
    private readonly leases: LeaseKeeper,
    private readonly repository: LeasesRepository,
    @Inject(CONFIG) private readonly config: Config,
    periodic: PeriodicTasks,
  ) {
    this.following = periodic.add({
      name: 'clock.follow',
      intervalMs: FOLLOW_INTERVAL_MS,
      run: () => this.follow(),
      failure: 'The database could not be asked for the time',
      failureLevel: 'debug',
      logger: this.logger,
    });
    this.pullingBack = periodic.add({
      name: 'clock.pull-back',
      intervalMs: PULL_BACK_INTERVAL_MS,
      run: () => this.pullBack(),
      failure: 'What an earlier clock had set could not be looked for',
      failureLevel: 'debug',
      logger: this.logger,
      isForWorkers: true,
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.following.run();
    await this.pullingBack.run();
  }

  private async follow(): Promise<void> {
    const toldMs = await this.told();
    if (toldMs !== undefined) await this.set(toldMs);
  }

  private async told(): Promise<number | undefined> {
    if (this.database.dialect === 'sqlite') return this.clock.machineMs();
    const beganMs = this.clock.monotonicMs();
    const [found] = await rows<{ now: number }>(
      this.database.manager,
      'SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now',
    );
    const tookMs = this.clock.monotonicMs() - beganMs;
    return found === undefined || tookMs > LONGEST_ANSWER_MS ? undefined : found.now + tookMs / 2;
  }

  private async set(toldMs: number): Promise<void> {
    const beforeMs = this.clock.nowMs();
    const movedMs = Math.round(this.clock.correct(toldMs));
    const isFirst = !this.isSet;
    this.isSet = true;
    if (Math.abs(movedMs) < STEP_MS) return;
    const whose = this.database.dialect === 'sqlite' ? 'this machine' : 'the database';
    if (isFirst) {
      this.logger.warn(`The clock of ${whose} is ${movedMs} ms ahead of this machine’s, and is followed`);
      return;
    }
    this.logger.warn(`The clock of ${whose} stepped by ${movedMs} ms; leases and deadlines under way stay as long as they were`);
    await this.leases.onStep(beforeMs, movedMs);
    await this.pullingBack.run();
  }

  private async pullBack(): Promise<void> {
    const pulled = await this.repository.pullBack(this.clock.nowMs(), this.config.engine.lease_seconds * 1000);
    if (pulled > 0) this.logger.warn(`${pulled} generations had been scheduled by a clock that was ahead, and were rescheduled`);
  }
}
