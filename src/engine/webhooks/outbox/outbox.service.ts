import { Injectable, Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Principal } from '../../../domain/access/index.js';
import { ApiError } from '../../../platform/common/index.js';
import { checkUrl, EgressService } from '../../../platform/security/index.js';
import { type GenerationEnd, type GenerationEntity, GenerationEvents, type RequestWebhook } from '../../generations/index.js';
import { EndpointDirectory } from '../endpoints/endpoint-directory.service.js';
import { allowedOrigins, hostFor, type Recipient, recipientsOf, requestTargetOf, unreadableOf } from '../endpoints/matching.policy.js';
import type { WebhookEndpointEntity } from '../endpoints/webhook-endpoint.entity.js';
import type { EventType } from '../endpoints/webhooks.types.js';
import { type Announcement, Announcements } from './announcements.service.js';

const END_TYPES: Readonly<Record<string, EventType>> = {
  completed: 'generation.completed',
  failed: 'generation.failed',
  cancelled: 'generation.cancelled',
};

/** Announces ends, in the transaction that makes them true. Costs nothing where nobody listens. */
@Injectable()
export class Outbox extends GenerationEvents {
  private readonly logger = new Logger(Outbox.name);

  constructor(
    private readonly directory: EndpointDirectory,
    private readonly announcements: Announcements,
    private readonly egress: EgressService,
  ) {
    super();
  }

  /** An early answer; every delivery is judged again. */
  override async check({ orgId, appId, keyId: ownKeyId }: Principal, { url }: RequestWebhook): Promise<void> {
    const keyId = ownKeyId ?? null;
    checkUrl(this.egress, url, 'webhook_url');
    const endpoints = await this.directory.endpointsOf({ orgId, appId });
    if (hostFor(endpoints, keyId, url) !== undefined) return;
    const accepted = allowedOrigins(endpoints, keyId);
    const message =
      accepted.length === 0
        ? 'No webhook endpoint that hears of this request has allow_request_urls.'
        : `webhook_url must begin with ${accepted.join(' or ')}.`;
    throw new ApiError('webhook_url_not_allowed', message, { param: 'webhook_url', accepted });
  }

  override async ended(manager: EntityManager, ends: readonly GenerationEnd[]): Promise<readonly string[]> {
    const announcements: Announcement[] = [];
    const untold: string[] = [];
    for (const { generation, outputs, vendorJobId } of ends) {
      const type = END_TYPES[generation.status];
      if (type === undefined) continue;
      const { orgId, appId } = generation;
      const endpoints = await this.directory.endpointsOf({ orgId, appId }, manager);
      if (endpoints.length === 0) continue;
      const { recipients, isComplete } = this.among(endpoints, type, generation);
      if (!isComplete) untold.push(generation.id);
      if (recipients.length > 0) announcements.push({ type, generation, outputs, vendorJobId, recipients });
    }
    if (announcements.length > 0) await this.announcements.write(manager, announcements);
    return untold;
  }

  override async endedLate(manager: EntityManager, end: GenerationEnd): Promise<boolean> {
    const { generation } = end;
    const { orgId, appId, completedAt } = generation;
    const type = END_TYPES[generation.status];
    if (type === undefined) return true;
    // Those of keys' own URLs are made when they are first needed; whoever else came later did not ask to hear of this.
    const endpoints = (await this.directory.refresh({ orgId, appId }, manager)).filter(
      ({ kind, createdAt }) => kind === 'key_url' || createdAt <= (completedAt ?? 0),
    );
    const { recipients, isComplete } = this.among(endpoints, type, generation);
    if (recipients.length > 0) await this.announcements.complete(manager, { ...end, type, recipients });
    return isComplete;
  }

  private among(
    endpoints: readonly WebhookEndpointEntity[],
    type: EventType,
    generation: GenerationEntity,
  ): { recipients: Recipient[]; isComplete: boolean } {
    const { id, keyId } = generation;
    const unreadable = unreadableOf(endpoints, keyId);
    for (const endpoint of unreadable) {
      this.logger.error(`The webhook endpoint ${endpoint.id} has event types that cannot be read; it is told of ${id} once they can`);
    }
    return {
      recipients: recipientsOf(endpoints, { type, keyId, request: requestTargetOf(generation) }),
      isComplete: unreadable.length === 0,
    };
  }
}
