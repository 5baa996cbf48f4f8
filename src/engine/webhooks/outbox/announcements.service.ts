import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { LinkSigner } from '../../../domain/storage/index.js';
import { Clock } from '../../../platform/common/index.js';
import { CONFIG, type Config } from '../../../platform/config/index.js';
import { Database } from '../../../platform/database/index.js';
import { type GenerationEnd, toGeneration } from '../../generations/index.js';
import { Deliverer, type Reservation } from '../delivery/deliverer.service.js';
import { DeliveriesRepository } from '../delivery/deliveries.repository.js';
import { generationBody } from '../delivery/event-body.js';
import { claimed, newDelivery, newMessage } from '../delivery/new-message.js';
import type { WebhookMessageEntity } from '../delivery/webhook-message.entity.js';
import type { Recipient } from '../endpoints/matching.policy.js';
import type { EventType } from '../endpoints/webhooks.types.js';
import { AttemptsRepository } from './attempts.repository.js';
import { GatewayOrigin } from './origin.service.js';

const MS_PER_SECOND = 1000;
/** Jitter, and pauses that receivers ask for, make the schedule longer than it says. */
const SCHEDULE_SLACK = 1.5;

export interface Announcement extends GenerationEnd {
  readonly type: EventType;
  /** At least one. */
  readonly recipients: readonly Recipient[];
}

/** Turns what happened to generations into messages and deliveries. */
@Injectable()
export class Announcements {
  constructor(
    private readonly clock: Clock,
    private readonly database: Database,
    private readonly deliveries: DeliveriesRepository,
    private readonly attempts: AttemptsRepository,
    private readonly links: LinkSigner,
    private readonly origin: GatewayOrigin,
    private readonly deliverer: Deliverer,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** With one statement per table for all of them, inside the caller's transaction. What may be sent at once is sent when it is over. */
  async write(manager: EntityManager, announcements: readonly Announcement[]): Promise<void> {
    const nowMs = this.clock.nowMs();
    const messages = await this.messagesOf(manager, announcements, nowMs);
    const reserved: Reservation[] = [];
    this.database.whenOver(manager, (isCommitted) => this.deliverer.sendReserved(reserved, isCommitted));
    const deliveries = messages.flatMap((message, index) =>
      (announcements[index]?.recipients ?? []).map((recipient) => {
        const lease = this.deliverer.reserve(recipient.endpoint, nowMs);
        const row = newDelivery(message, recipient, lease);
        if (lease !== undefined) reserved.push({ delivery: claimed(row, message), target: recipient.endpoint, lease });
        return row;
      }),
    );
    await this.deliveries.enqueue(manager, messages, deliveries);
  }

  /** Adds the deliveries that are missing of an end, and its message if that is missing. They wait in the outbox, due at once. */
  async complete(manager: EntityManager, announcement: Announcement): Promise<void> {
    const { generation, type, recipients } = announcement;
    const nowMs = this.clock.nowMs();
    const known = await this.deliveries.messageOf(manager, generation.id, type);
    const told = known === null ? new Set<string>() : await this.deliveries.endpointsOf(manager, known.id);
    const messages = known === null ? await this.messagesOf(manager, [announcement], nowMs) : [known];
    const missing = recipients.filter(({ endpoint }) => !told.has(endpoint.id));
    await this.deliveries.enqueue(
      manager,
      known === null ? messages : [],
      messages.flatMap((message) => missing.map((recipient) => newDelivery(message, recipient))),
    );
    this.database.whenOver(manager, () => this.deliverer.wake());
  }

  private async messagesOf(manager: EntityManager, announcements: readonly Announcement[], nowMs: number): Promise<WebhookMessageEntity[]> {
    const jobs = await this.attempts.jobsOf(manager, announcements);
    const expiresAt = this.linksExpireAt(nowMs);
    const origin = this.origin.get();
    const link = ({ id }: { readonly id: string }) => `${origin}${this.links.sign(id, { expiresAt })}`;
    return announcements.map(({ type, generation, outputs }) => {
      const view = { generation, outputs, vendorJobId: jobs.get(generation.id) ?? null };
      return newMessage({
        orgId: generation.orgId,
        appId: generation.appId,
        type,
        generationId: generation.id,
        keyId: generation.keyId,
        progress: generation.progress,
        body: generationBody(type, toGeneration(view, link), generation.completedAt ?? nowMs),
        createdAt: nowMs,
      });
    });
  }

  /** Seconds since the epoch. The body is stored once, so its links must outlive the last attempt by as long as other links live. */
  private linksExpireAt(nowMs: number): number {
    const { retry_schedule_seconds: schedule, disable_after_seconds: disabledSeconds } = this.config.webhooks;
    const retriedSeconds = SCHEDULE_SLACK * schedule.reduce((sum, seconds) => sum + seconds, 0);
    // Behind an open breaker an event may wait until its endpoint is disabled.
    return Math.ceil(nowMs / MS_PER_SECOND + Math.max(retriedSeconds, disabledSeconds) + this.config.storage.link_ttl_seconds);
  }
}
