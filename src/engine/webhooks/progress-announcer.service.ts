import { Inject, Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { Database } from '../../platform/database/index.js';
import { Announcements } from './announcements.service.js';
import { EndpointDirectory } from './endpoint-directory.service.js';
import { recipientsOf, requestTargetOf } from './matching.policy.js';
import { ProgressRepository } from './progress.repository.js';

const TICK_MS = 1_000;

/** Announces progress to those who asked for it. It reads what the engine has committed, so that working on generations waits for nothing. */
@Injectable()
export class ProgressAnnouncer {
  private readonly logger = new Logger(ProgressAnnouncer.name);
  private looking = false;

  constructor(
    private readonly database: Database,
    private readonly progress: ProgressRepository,
    private readonly directory: EndpointDirectory,
    private readonly announcements: Announcements,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @Interval('webhooks.progress', TICK_MS)
  async tick(): Promise<void> {
    if (this.looking || this.config.role === 'api') return;
    this.looking = true;
    try {
      await this.announceAll();
    } catch (error) {
      // Another replica was faster with the same progress, or the database did not answer; the next look tells.
      this.logger.debug(`Progress was not announced: ${String(error)}`);
    } finally {
      this.looking = false;
    }
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
