import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { type GenerationEnd, type GenerationEntity, GenerationEvents } from '../generations/index.js';
import { type Announcement, Announcements } from './announcements.service.js';
import { EndpointDirectory } from './endpoint-directory.service.js';
import { type Recipient, recipientsOf, requestUrlOf } from './matching.policy.js';
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
  ) {
    super();
  }

  override async ended(manager: EntityManager, ends: readonly GenerationEnd[]): Promise<void> {
    const announcements: Announcement[] = [];
    for (const { generation, outputs } of ends) {
      const type = END_TYPES[generation.status];
      if (type === undefined) continue;
      const recipients = await this.recipients(type, generation, manager);
      if (recipients.length > 0) announcements.push({ type, generation, outputs, recipients });
    }
    if (announcements.length > 0) await this.announcements.write(manager, announcements);
  }

  private async recipients(type: EventType, generation: GenerationEntity, manager: EntityManager): Promise<Recipient[]> {
    const { keyId, metadata, orgId, appId } = generation;
    const endpoints = await this.directory.endpointsOf({ orgId, appId }, manager);
    return recipientsOf(endpoints, { type, keyId, requestUrl: requestUrlOf(metadata) });
  }
}
