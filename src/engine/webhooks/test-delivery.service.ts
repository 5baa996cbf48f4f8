import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Tenant } from '../../domain/access/index.js';
import { ApiError, Clock } from '../../platform/common/index.js';
import type { Generation } from '../generations/index.js';
import { generationBody } from './delivery/event-body.js';
import { type AttemptOutcome, Sender } from './delivery/sender.service.js';
import { EndpointDirectory } from './endpoints/endpoint-directory.service.js';
import { EndpointsRepository } from './endpoints/endpoints.repository.js';
import { newWebhookId } from './endpoints/ids.js';
import type { WebhookEndpointEntity } from './endpoints/webhook-endpoint.entity.js';
import { EndpointsService } from './endpoints.service.js';

export interface TestDelivery {
  /** The `webhook-id` that was sent. */
  readonly messageId: string;
  readonly outcome: AttemptOutcome;
}

/** Sends a made-up event at once, signed like every other, tried once and not logged. */
@Injectable()
export class TestDeliveries {
  constructor(
    private readonly clock: Clock,
    private readonly endpoints: EndpointsService,
    private readonly directory: EndpointDirectory,
    private readonly repository: EndpointsRepository,
    private readonly sender: Sender,
  ) {}

  /** @throws ApiError `not_found` */
  async toEndpoint(tenant: Tenant, id: string): Promise<TestDelivery> {
    return this.send(await this.endpoints.get(tenant, id));
  }

  /** @throws ApiError `not_found`, `no_webhook_configured` */
  async toKey(tenant: Tenant, keyId: string): Promise<TestDelivery> {
    const key = await this.repository.findKey(tenant, keyId);
    if (key === null) throw new ApiError('not_found', 'Key not found', { param: 'id' });
    if (key.webhookUrl === null) throw noWebhook();
    const endpoint = (await this.directory.refresh(tenant)).find(({ kind, keyId: owner }) => kind === 'key_url' && owner === keyId);
    if (endpoint === undefined) throw noWebhook();
    return this.send(endpoint);
  }

  private async send(endpoint: WebhookEndpointEntity): Promise<TestDelivery> {
    const messageId = newWebhookId('msg');
    const nowMs = this.clock.nowMs();
    const body = generationBody('generation.completed', exampleGeneration(endpoint, new Date(nowMs).toISOString()), nowMs);
    return { messageId, outcome: await this.sender.send(endpoint, endpoint.url, { id: messageId, body }) };
  }
}

/** LiteGen's contract fixes the id's beginning, the model, the provider and the link. */
function exampleGeneration({ keyId, orgId, appId }: WebhookEndpointEntity, at: string): Generation {
  return {
    id: `webhook-test-${randomUUID()}`,
    key_id: keyId,
    model: 'test/webhook',
    requested_model: 'test/webhook',
    provider: 'test',
    media_type: 'video',
    operation: 'video.generate',
    status: 'completed',
    progress: 100,
    provider_job_id: null,
    result_url: 'https://example.com/test.mp4',
    outputs: [],
    error_message: null,
    error: null,
    cost_usd: 0,
    cached_from: null,
    cost_source: null,
    cancel_requested_at: null,
    created_at: at,
    started_at: at,
    completed_at: at,
    metadata: null,
    org_id: orgId,
    app_id: appId,
  };
}

function noWebhook(): ApiError {
  return new ApiError('no_webhook_configured', 'This API key has no webhook_url.', { param: 'webhook_url' });
}
