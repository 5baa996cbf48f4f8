import { Injectable } from '@nestjs/common';
import type { Tenant } from '../../domain/access/index.js';
import { ApiError, Clock, type Page, type PageRequest } from '../../platform/common/index.js';
import { Database } from '../../platform/database/index.js';
import { Deliverer } from './delivery/deliverer.service.js';
import {
  type DeliveryFilter,
  DeliveryLogRepository,
  type DeliverySummary,
  type DeliveryView,
  type KeyAttempt,
} from './delivery/delivery-log.repository.js';
import type { WebhookAttemptEntity } from './delivery/webhook-attempt.entity.js';
import { EndpointsRepository } from './endpoints/endpoints.repository.js';

export interface DeliveryDetailView extends DeliveryView {
  readonly attempts: readonly WebhookAttemptEntity[];
}

/** The delivery log of the caller's own application, and sending again. */
@Injectable()
export class DeliveriesService {
  constructor(
    private readonly clock: Clock,
    private readonly database: Database,
    private readonly log: DeliveryLogRepository,
    private readonly endpoints: EndpointsRepository,
    private readonly deliverer: Deliverer,
  ) {}

  /** @throws ApiError `not_found` for the endpoint */
  async page(tenant: Tenant, endpointId: string, filter: DeliveryFilter, page: PageRequest): Promise<Page<DeliverySummary>> {
    await this.requireEndpoint(tenant, endpointId);
    return this.log.page(tenant, endpointId, filter, page);
  }

  /** @throws ApiError `not_found` */
  async get(tenant: Tenant, id: string): Promise<DeliveryDetailView> {
    const view = await this.log.find(tenant, id);
    if (view === null) throw new ApiError('not_found', `There is no webhook delivery ${id}.`, { param: 'id' });
    return { ...view, attempts: await this.log.attemptsOf(view.delivery.id) };
  }

  /** @throws ApiError `not_found` for the key */
  async ofKey(tenant: Tenant, keyId: string, page: PageRequest): Promise<Page<KeyAttempt>> {
    if ((await this.endpoints.findKey(tenant, keyId)) === null) throw new ApiError('not_found', 'Key not found', { param: 'id' });
    return this.log.ofKey(tenant, keyId, page);
  }

  /** @throws ApiError `not_found`, `conflict` when it is under way or its endpoint takes nothing */
  async redeliverOne(tenant: Tenant, id: string): Promise<DeliveryDetailView> {
    const { delivery } = await this.get(tenant, id);
    const count = await this.redeliver(tenant, delivery.endpointId, { id });
    if (count === 0) throw new ApiError('conflict', 'This delivery is under way right now.', { retryAfterSeconds: 5 });
    return this.get(tenant, id);
  }

  /** Answers how many are sent again. @throws ApiError `not_found`, `conflict` when the endpoint is disabled */
  async redeliver(tenant: Tenant, endpointId: string, which: DeliveryFilter & { readonly id?: string }): Promise<number> {
    const endpoint = await this.requireEndpoint(tenant, endpointId);
    if (endpoint.disabledAt !== null) throw new ApiError('conflict', 'The endpoint is disabled: enable it first.', { param: 'id' });
    const count = await this.database.transaction(async (manager) => {
      await this.endpoints.lock(manager, [endpointId]);
      return this.log.redeliver(manager, tenant, { ...which, endpointId }, this.clock.nowMs());
    });
    this.deliverer.wake();
    return count;
  }

  private async requireEndpoint(tenant: Tenant, id: string) {
    const endpoint = await this.endpoints.find(tenant, id);
    if (endpoint === null) throw new ApiError('not_found', `There is no webhook endpoint ${id}.`, { param: 'id' });
    return endpoint;
  }
}
