import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Principal } from '../auth/index.js';
import { ApiError } from '../common/index.js';
import { type GenerationEnd, type GenerationEntity, GenerationEvents, type RequestWebhook } from '../generations/index.js';
import { EgressService } from '../security/index.js';
import { type Announcement, Announcements } from './announcements.service.js';
import { checkUrl } from './check-url.js';
import { EndpointDirectory } from './endpoint-directory.service.js';
import { allowedOrigins, hostFor, type Recipient, recipientsOf, requestTargetOf } from './matching.policy.js';
import type { EventType } from './webhooks.types.js';

const END_TYPES: Readonly<Record<string, EventType>> = {
  completed: 'generation.completed',
  failed: 'generation.failed',
  cancelled: 'generation.cancelled',
};

/** Announces ends, in the transaction that makes them true (R20). Costs nothing where nobody listens. */
@Injectable()
export class Outbox extends GenerationEvents {
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

  override async ended(manager: EntityManager, ends: readonly GenerationEnd[]): Promise<void> {
    const announcements: Announcement[] = [];
    for (const { generation, outputs, vendorJobId } of ends) {
      const type = END_TYPES[generation.status];
      if (type === undefined) continue;
      const recipients = await this.recipients(type, generation, manager);
      if (recipients.length > 0) announcements.push({ type, generation, outputs, vendorJobId, recipients });
    }
    if (announcements.length > 0) await this.announcements.write(manager, announcements);
  }

  private async recipients(type: EventType, generation: GenerationEntity, manager: EntityManager): Promise<Recipient[]> {
    const { keyId, orgId, appId } = generation;
    const endpoints = await this.directory.endpointsOf({ orgId, appId }, manager);
    return recipientsOf(endpoints, { type, keyId, request: requestTargetOf(generation) });
  }
}
