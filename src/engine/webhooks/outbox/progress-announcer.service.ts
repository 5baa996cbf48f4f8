import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../../../platform/database/index.js';
import { PeriodicTasks } from '../../../platform/schedule/index.js';
import { EndpointDirectory } from '../endpoints/endpoint-directory.service.js';
import { recipientsOf, requestTargetOf } from '../endpoints/matching.policy.js';
import { Announcements } from './announcements.service.js';
import { ProgressRepository } from './progress.repository.js';

const TICK_MS = 1_000;

/** Announces progress to those who asked for it. It reads what the engine has committed, so that working on generations waits for nothing. */
@Injectable()
export class ProgressAnnouncer {
  constructor(
    private readonly database: Database,
    private readonly progress: ProgressRepository,
    private readonly directory: EndpointDirectory,
    private readonly announcements: Announcements,
    periodic: PeriodicTasks,
  ) {
    periodic.add({
      name: 'webhooks.progress',
      intervalMs: TICK_MS,
      run: () => this.announceAll(),
      failure: 'Progress was not announced',
      // Another replica was faster with the same progress, or the database did not answer; the next look tells.
      failureLevel: 'debug',
      logger: new Logger(ProgressAnnouncer.name),
      isForWorkers: true,
    });
  }

  private async announceAll(): Promise<void> {
    for (const tenant of await this.progress.listeners()) {
      const endpoints = await this.directory.endpointsOf(tenant);
      const announcements = (await this.progress.unannounced(tenant)).flatMap((generation) => {
        const recipients = recipientsOf(endpoints, {
          type: 'generation.progress',
          keyId: generation.keyId,
          request: requestTargetOf(generation),
        });
        return recipients.length === 0 ? [] : [{ type: 'generation.progress' as const, generation, outputs: [], recipients }];
      });
      if (announcements.length > 0) await this.database.transaction((manager) => this.announcements.write(manager, announcements));
    }
  }
}
