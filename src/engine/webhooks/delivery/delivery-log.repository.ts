import { Injectable } from '@nestjs/common';
import { type EntityManager, type SelectQueryBuilder } from 'typeorm';
import type { Tenant } from '../../../domain/access/index.js';
import { type Cursor, firstOf, type Page, type PageRequest } from '../../../platform/common/index.js';
import { Database, rows, type SqlParameters } from '../../../platform/database/index.js';
import type { DeliveryState, EventType } from '../endpoints/webhooks.types.js';
import { WebhookAttemptEntity } from './webhook-attempt.entity.js';
import { WebhookDeliveryEntity } from './webhook-delivery.entity.js';
import { WebhookMessageEntity } from './webhook-message.entity.js';

export interface DeliveryFilter {
  readonly state?: DeliveryState;
  /** Milliseconds since the epoch, inclusive; when the event happened. */
  readonly sinceMs?: number;
  /** Milliseconds since the epoch, inclusive. */
  readonly untilMs?: number;
}

/** A delivery with what it carries. */
export interface DeliveryView {
  readonly delivery: WebhookDeliveryEntity;
  readonly message: WebhookMessageEntity;
}

/** A delivery in a list: what it carries is not read. */
export interface DeliverySummary {
  readonly delivery: WebhookDeliveryEntity;
  readonly message: Pick<WebhookMessageEntity, 'id' | 'type' | 'generationId'>;
}

const SUMMARY = ['message.id', 'message.type', 'message.generationId'];

/** One attempt for an API key, in the terms of LiteGen's log. */
export interface KeyAttempt {
  readonly id: string;
  readonly keyId: string;
  readonly generationId: string | null;
  readonly type: EventType;
  readonly url: string;
  readonly ordinal: number;
  readonly status: number | null;
  readonly success: boolean | number;
  readonly snippet: string | null;
  readonly error: string | null;
  readonly body: string;
  readonly createdAt: number;
}

/** What the HTTP API reads of deliveries, and how it sets them going again. Everything belongs to one tenant. */
@Injectable()
export class DeliveryLogRepository {
  constructor(private readonly database: Database) {}

  /** Newest first, without the bodies. */
  async page(
    tenant: Tenant,
    endpointId: string,
    filter: DeliveryFilter,
    { page, perPage, after }: PageRequest,
  ): Promise<Page<DeliverySummary>> {
    const query = this.of(tenant).andWhere('delivery.endpointId = :endpointId', { endpointId });
    if (filter.state !== undefined) query.andWhere('delivery.state = :state', { state: filter.state });
    if (filter.sinceMs !== undefined) query.andWhere('delivery.createdAt >= :sinceMs', { sinceMs: filter.sinceMs });
    if (filter.untilMs !== undefined) query.andWhere('delivery.createdAt <= :untilMs', { untilMs: filter.untilMs });
    const total = await query.getCount();
    if (after !== undefined) {
      query.andWhere('(delivery.createdAt, delivery.id) < (:afterCreatedAt, :afterId)', {
        afterCreatedAt: after.createdAt,
        afterId: after.id,
      });
    }
    const found = await query
      .orderBy('delivery.createdAt', 'DESC')
      .addOrderBy('delivery.id', 'DESC')
      .skip((page - 1) * perPage)
      .take(perPage + 1)
      .getMany();
    const { rows: deliveries, next } = firstOf(found, perPage, ({ lastError }) => lastError?.length ?? 0);
    return { total, rows: await this.withMessages(deliveries, SUMMARY), next };
  }

  /** Null when the tenant has no such delivery. */
  async find(tenant: Tenant, id: string): Promise<DeliveryView | null> {
    const delivery = await this.of(tenant).andWhere('delivery.id = :id', { id }).getOne();
    if (delivery === null) return null;
    const [view] = await this.withMessages([delivery]);
    return view ?? null;
  }

  attemptsOf(deliveryId: string): Promise<WebhookAttemptEntity[]> {
    return this.database.manager.find(WebhookAttemptEntity, { where: { deliveryId }, order: { ordinal: 'ASC' } });
  }

  /** Attempts at the key's own endpoints, newest first. Their bodies are read only where there is room for them. */
  async ofKey({ orgId, appId }: Tenant, keyId: string, { page, perPage, after }: PageRequest): Promise<Page<KeyAttempt>> {
    const { manager } = this.database;
    const from = `FROM webhook_attempts a JOIN webhook_deliveries d ON d.id = a.delivery_id
      JOIN webhook_endpoints e ON e.id = d.endpoint_id JOIN webhook_messages m ON m.id = d.message_id
      WHERE a.org_id = :orgId AND a.app_id = :appId AND e.key_id = :keyId`;
    const parameters = { orgId, appId, keyId };
    const newestFirst = 'ORDER BY a.created_at DESC, a.id DESC';
    const [count] = await rows<{ total: number | string }>(manager, `SELECT COUNT(*) AS total ${from}`, parameters);
    const places = await rows<Cursor & { bytes: number | string }>(
      manager,
      `SELECT a.id, a.created_at AS "createdAt", OCTET_LENGTH(m.body) + COALESCE(OCTET_LENGTH(a.response_snippet), 0) AS bytes ${from}
       ${after === undefined ? '' : 'AND (a.created_at, a.id) < (:afterCreatedAt, :afterId)'} ${newestFirst} LIMIT :limit OFFSET :offset`,
      {
        ...parameters,
        ...(after === undefined ? {} : { afterCreatedAt: after.createdAt, afterId: after.id }),
        limit: perPage + 1,
        offset: (page - 1) * perPage,
      },
    );
    const { rows: taken, next } = firstOf(places, perPage, ({ bytes }) => Number(bytes));
    const ids = taken.map(({ id }) => id);
    const attempts = await rows<KeyAttempt>(
      manager,
      `SELECT a.id, e.key_id AS "keyId", m.generation_id AS "generationId", m.type, a.url, a.ordinal, a.status, a.success,
         a.response_snippet AS snippet, a.error, m.body, a.created_at AS "createdAt"
       ${from} AND a.id IN (:ids) ${newestFirst}`,
      { ...parameters, ids: ids.length === 0 ? [''] : ids },
    );
    return { total: Number(count?.total ?? 0), rows: attempts, next };
  }

  /**
   * Makes deliveries due at once, with the whole schedule before them; what is under way right now is left alone.
   * Answers how many those were.
   */
  async redeliver(
    manager: EntityManager,
    { orgId, appId }: Tenant,
    which: DeliveryFilter & { readonly endpointId?: string; readonly id?: string },
    nowMs: number,
  ): Promise<number> {
    const conditions: [keyof typeof which, string][] = [
      ['endpointId', 'endpoint_id = :endpointId'],
      ['id', 'id = :id'],
      ['state', 'state = :state'],
      ['sinceMs', 'created_at >= :sinceMs'],
      ['untilMs', 'created_at <= :untilMs'],
    ];
    const given = conditions.filter(([name]) => which[name] !== undefined);
    const redelivered = await rows(
      manager,
      `UPDATE webhook_deliveries SET state = 'pending', retry_step = 0, next_attempt_at = :now, delivered_at = NULL, lease_owner = NULL,
         lease_token = lease_token + 1, updated_at = :now
       WHERE org_id = :orgId AND app_id = :appId AND (lease_owner IS NULL OR next_attempt_at <= :now)
         ${given.map(([, condition]) => `AND ${condition}`).join(' ')} RETURNING id`,
      { ...(Object.fromEntries(given.map(([name]) => [name, which[name]])) as SqlParameters), orgId, appId, now: nowMs },
    );
    return redelivered.length;
  }

  private of({ orgId, appId }: Tenant): SelectQueryBuilder<WebhookDeliveryEntity> {
    return this.database.manager
      .createQueryBuilder(WebhookDeliveryEntity, 'delivery')
      .where('delivery.orgId = :orgId AND delivery.appId = :appId', { orgId, appId });
  }

  /** @param columns of the message; absent: all */
  private async withMessages(
    deliveries: readonly WebhookDeliveryEntity[],
    columns: readonly string[] = ['message'],
  ): Promise<DeliveryView[]> {
    if (deliveries.length === 0) return [];
    const messages = await this.database.manager
      .createQueryBuilder(WebhookMessageEntity, 'message')
      .select([...columns])
      .where('message.id IN (:...ids)', { ids: [...new Set(deliveries.map(({ messageId }) => messageId))] })
      .getMany();
    const byId = new Map(messages.map((message) => [message.id, message]));
    return deliveries.flatMap((delivery) => {
      const message = byId.get(delivery.messageId);
      return message === undefined ? [] : [{ delivery, message }];
    });
  }
}
