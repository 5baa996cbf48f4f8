import { Inject, Injectable, Logger } from '@nestjs/common';
import { Clock } from '../../../platform/common/index.js';
import { CONFIG, type Config } from '../../../platform/config/index.js';
import { PeriodicTasks } from '../../../platform/schedule/index.js';
import { DeliveriesRepository } from './deliveries.repository.js';

const PURGE_INTERVAL_MS = 3_600_000;
const MS_PER_DAY = 86_400_000;
/** Small enough that nobody waits long for the writer. */
const MESSAGES_AT_ONCE = 200;

/** Forgets events and their logs when they are older than `webhooks.retention_days`. */
@Injectable()
export class Retention {
  constructor(
    private readonly clock: Clock,
    private readonly deliveries: DeliveriesRepository,
    @Inject(CONFIG) private readonly config: Config,
    periodic: PeriodicTasks,
  ) {
    periodic.add({
      name: 'webhooks.retention',
      intervalMs: PURGE_INTERVAL_MS,
      run: () => this.purge(),
      failure: 'Old webhook events could not be deleted',
      logger: new Logger(Retention.name),
      isForWorkers: true,
    });
  }

  /** Answers how many events were deleted. */
  async purge(): Promise<number> {
    const beforeMs = this.clock.nowMs() - this.config.webhooks.retention_days * MS_PER_DAY;
    let total = 0;
    for (let purged = MESSAGES_AT_ONCE; purged === MESSAGES_AT_ONCE; total += purged) {
      purged = await this.deliveries.purge(beforeMs, MESSAGES_AT_ONCE);
    }
    return total;
  }
}
