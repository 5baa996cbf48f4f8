import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CLOCK_SLACK_MS } from '../../../platform/common/index.js';
import { Database, insertEntities, rows, skipLocked } from '../../../platform/database/index.js';
import type { DeliveryState, EventType } from '../endpoints/webhooks.types.js';
import { WebhookAttemptEntity } from './webhook-attempt.entity.js';
import { WebhookDeliveryEntity } from './webhook-delivery.entity.js';
import { WebhookMessageEntity } from './webhook-message.entity.js';

/** A message that is due at an endpoint and leased to this process. */
export interface ClaimedDelivery {
  readonly id: string;
  readonly endpointId: string;
  readonly messageId: string;
  readonly orgId: string;
  readonly appId: string;
  /** Instead of the endpoint's. */
  readonly url: string | null;
  readonly attemptCount: number;
  readonly retryStep: number;
  readonly leaseToken: number;
  readonly createdAt: number;
  readonly type: EventType;
  readonly body: string;
}

/** An endpoint for which something is due. */
export interface DueEndpoint {
  readonly id: string;
  readonly consecutiveFailures: number;
}

export interface DeliveryEnd {
  readonly id: string;
  readonly leaseToken: number;
  readonly state: DeliveryState;
  readonly retryStep: number;
  readonly nextAttemptAt: number | null;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
}

/** The outbox: what is written to it, and how it is emptied. Without a tenant: for the gateway's own work only. */
@Injectable()
export class DeliveriesRepository {
  constructor(private readonly database: Database) {}

  /** Inside the transaction that makes the event true. */
  async enqueue(
    manager: EntityManager,
    messages: readonly WebhookMessageEntity[],
    deliveries: readonly WebhookDeliveryEntity[],
  ): Promise<void> {
    await insertEntities(manager, WebhookMessageEntity, messages);
    await insertEntities(manager, WebhookDeliveryEntity, deliveries);
  }

  /** What a generation's event of this type says; null when it was not announced. */
  messageOf(manager: EntityManager, generationId: string, type: EventType): Promise<WebhookMessageEntity | null> {
    return manager.findOneBy(WebhookMessageEntity, { generationId, type });
  }

  /** To whom a message goes or went. */
  async endpointsOf(manager: EntityManager, messageId: string): Promise<ReadonlySet<string>> {
    const found = await rows<{ id: string }>(manager, 'SELECT endpoint_id AS id FROM webhook_deliveries WHERE message_id = :messageId', {
      messageId,
    });
    return new Set(found.map(({ id }) => id));
  }

  /** Endpoints that work come first, then those that wait longest. Costs one look into an index per endpoint, however much is due. */
  dueEndpoints(nowMs: number, without: readonly string[], limit: number): Promise<DueEndpoint[]> {
    return rows<DueEndpoint>(
      this.database.manager,
      `SELECT id, failures AS "consecutiveFailures" FROM (
         SELECT e.id, e.consecutive_failures AS failures,
           (SELECT MIN(d.next_attempt_at) FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.next_attempt_at IS NOT NULL) AS due_at
         FROM webhook_endpoints e
         WHERE e.disabled_at IS NULL AND e.deleted_at IS NULL AND (e.paused_until IS NULL OR e.paused_until <= :now)
           ${without.length === 0 ? '' : 'AND e.id NOT IN (:without)'}) candidates
       WHERE due_at <= :now ORDER BY CASE WHEN failures = 0 THEN 0 ELSE 1 END, due_at LIMIT :limit`,
      { now: nowMs, limit, ...(without.length === 0 ? {} : { without }) },
    );
  }

  /** Takes up to `limit` deliveries of one endpoint that are due. No two callers ever get the same one. */
  async claim(endpointId: string, owner: string, nowMs: number, leaseUntilMs: number, limit: number): Promise<ClaimedDelivery[]> {
    const claimed = await this.database.write((manager) =>
      rows<{ id: string }>(
        manager,
        `UPDATE webhook_deliveries SET lease_owner = :owner, lease_token = lease_token + 1, next_attempt_at = :until, updated_at = :now
         WHERE id IN (SELECT id FROM webhook_deliveries WHERE endpoint_id = :endpointId AND next_attempt_at <= :now
           ORDER BY next_attempt_at LIMIT :limit ${skipLocked(manager)})
         RETURNING id`,
        { owner, until: leaseUntilMs, now: nowMs, endpointId, limit },
      ),
    );
    if (claimed.length === 0) return [];
    return rows<ClaimedDelivery>(
      this.database.manager,
      `SELECT d.id, d.endpoint_id AS "endpointId", d.message_id AS "messageId", d.org_id AS "orgId", d.app_id AS "appId", d.url,
         d.attempt_count AS "attemptCount", d.retry_step AS "retryStep", d.lease_token AS "leaseToken", d.created_at AS "createdAt",
         m.type, m.body
       FROM webhook_deliveries d JOIN webhook_messages m ON m.id = d.message_id WHERE d.id IN (:ids) AND d.lease_owner = :owner`,
      { ids: claimed.map(({ id }) => id), owner },
    );
  }

  /** Writes how attempts went. Answers for each whether it was written: not when its lease was lost or it was given up meanwhile. */
  async finish(manager: EntityManager, ends: readonly DeliveryEnd[], nowMs: number): Promise<boolean[]> {
    const written = await rows<Pick<DeliveryEnd, 'id' | 'leaseToken'>>(
      manager,
      `WITH :ended UPDATE webhook_deliveries SET state = ended.end_state, attempt_count = attempt_count + 1,
         retry_step = CAST(ended.step AS INTEGER), next_attempt_at = CAST(ended.next AS BIGINT), lease_owner = NULL,
         last_status = CAST(ended.status AS INTEGER), last_error = ended.error, delivered_at = CAST(ended.delivered AS BIGINT),
         updated_at = CAST(:now AS BIGINT)
       FROM ended WHERE id = ended.delivery_id AND lease_token = CAST(ended.token AS BIGINT) AND state = 'pending'
       RETURNING id, lease_token AS "leaseToken"`,
      {
        ended: ends.map((end) => ({
          delivery_id: end.id,
          token: end.leaseToken,
          end_state: end.state,
          step: end.retryStep,
          next: end.nextAttemptAt,
          status: end.lastStatus,
          error: end.lastError,
          delivered: end.state === 'delivered' ? nowMs : null,
        })),
        now: nowMs,
      },
    );
    const names = new Set(written.map(leaseName));
    return ends.map((end) => names.has(leaseName(end)));
  }

  /** Gives leases back under which nothing was sent. What they were for is due at once. */
  async handBack(deliveries: readonly Pick<ClaimedDelivery, 'id' | 'leaseToken'>[], nowMs: number): Promise<void> {
    await this.database.write((manager) =>
      rows(
        manager,
        `WITH :back UPDATE webhook_deliveries SET lease_owner = NULL, next_attempt_at = CAST(:now AS BIGINT), updated_at = CAST(:now AS BIGINT)
         FROM back WHERE id = back.delivery_id AND lease_token = CAST(back.token AS BIGINT) AND state = 'pending' RETURNING id`,
        { back: deliveries.map(({ id, leaseToken }) => ({ delivery_id: id, token: leaseToken })), now: nowMs },
      ),
    );
  }

  /** Gives one delivery up without an attempt. */
  async abandon({ id, leaseToken }: ClaimedDelivery, reason: string, nowMs: number): Promise<void> {
    await this.database.write((manager) =>
      rows(
        manager,
        `UPDATE webhook_deliveries SET state = 'dead', next_attempt_at = NULL, lease_owner = NULL, last_error = :reason, updated_at = :now
         WHERE id = :id AND lease_token = :token AND state = 'pending' RETURNING id`,
        { id, token: leaseToken, reason, now: nowMs },
      ),
    );
  }

  /** Brings what waits for a time that an earlier clock had set nearer. @returns how many deliveries */
  async pullBack(nowMs: number, longestMs: { readonly lease: number; readonly pause: number }): Promise<number> {
    const { lease, pause } = longestMs;
    const soon = nowMs + CLOCK_SLACK_MS;
    const which = 'next_attempt_at > :soon AND (updated_at > :soon OR (lease_owner IS NOT NULL AND next_attempt_at > :far))';
    const paused = 'paused_until > :latest';
    // Nearly always there is nothing, and no writer has to wait to learn that.
    const found = await rows(
      this.database.manager,
      `SELECT 1 FROM webhook_deliveries WHERE ${which} UNION SELECT 1 FROM webhook_endpoints WHERE ${paused} LIMIT 1`,
      { soon, far: soon + lease, latest: soon + pause },
    );
    if (found.length === 0) return 0;
    await this.database.write((manager) =>
      rows(manager, `UPDATE webhook_endpoints SET paused_until = :now WHERE ${paused} RETURNING id`, { now: nowMs, latest: soon + pause }),
    );
    const pulled = await this.database.write((manager) =>
      rows(
        manager,
        `UPDATE webhook_deliveries SET
           next_attempt_at = CASE WHEN lease_owner IS NULL AND next_attempt_at - (updated_at - :now) > :now
             THEN next_attempt_at - (updated_at - :now) WHEN lease_owner IS NULL THEN :now ELSE :until END,
           updated_at = CASE WHEN updated_at > :now THEN :now ELSE updated_at END
         WHERE id IN (SELECT id FROM webhook_deliveries WHERE ${which} ${skipLocked(manager)}) RETURNING id`,
        { now: nowMs, soon, until: nowMs + lease, far: soon + lease },
      ),
    );
    return pulled.length;
  }

  async insertAttempts(manager: EntityManager, attempts: readonly WebhookAttemptEntity[]): Promise<void> {
    await insertEntities(manager, WebhookAttemptEntity, attempts);
  }

  /** Gives up what still waits for an endpoint. Answers how many those were. */
  async giveUp(manager: EntityManager, endpointId: string, reason: string, nowMs: number): Promise<number> {
    const dead = await rows(
      manager,
      `UPDATE webhook_deliveries SET state = 'dead', next_attempt_at = NULL, lease_owner = NULL, last_error = :reason, updated_at = :now
       WHERE endpoint_id = :endpointId AND state = 'pending' RETURNING id`,
      { endpointId, reason, now: nowMs },
    );
    return dead.length;
  }

  /** Deletes up to `limit` messages that are older, with all that was noted about them. Answers how many those were. */
  async purge(beforeMs: number, limit: number): Promise<number> {
    const purged = await this.database.write((manager) =>
      rows(
        manager,
        `DELETE FROM webhook_messages
         WHERE id IN (SELECT id FROM webhook_messages WHERE created_at < :before ORDER BY created_at LIMIT :limit ${skipLocked(manager)})
         RETURNING id`,
        { before: beforeMs, limit },
      ),
    );
    return purged.length;
  }
}

function leaseName({ id, leaseToken }: Pick<DeliveryEnd, 'id' | 'leaseToken'>): string {
  return `${id}/${leaseToken}`;
}
