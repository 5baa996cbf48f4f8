import { Inject, Injectable, Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Clock } from '../../../platform/common/index.js';
import { CONFIG, type Config } from '../../../platform/config/index.js';
import { Database, GroupCommit } from '../../../platform/database/index.js';
import { MetricsService } from '../../../platform/metrics/index.js';
import { EndpointDirectory } from '../endpoints/endpoint-directory.service.js';
import { EndpointsRepository, type LockedEndpoint } from '../endpoints/endpoints.repository.js';
import { newWebhookId } from '../endpoints/ids.js';
import { recipientsOf } from '../endpoints/matching.policy.js';
import { afterFailure, disabledBy, type EndpointHealth, HEALTHY, nextAttemptAtMs } from '../endpoints/retry.policy.js';
import type { DisabledReason } from '../endpoints/webhooks.types.js';
import { type ClaimedDelivery, DeliveriesRepository, type DeliveryEnd } from './deliveries.repository.js';
import { endpointDisabledBody } from './event-body.js';
import { newDelivery, newMessage } from './new-message.js';
import type { AttemptOutcome } from './sender.service.js';
import { WebhookAttemptEntity } from './webhook-attempt.entity.js';

/** Nobody waits for what is written here; what comes together within this time is written together. */
const GATHER_MS = 50;

interface Attempted {
  readonly delivery: ClaimedDelivery;
  readonly outcome: AttemptOutcome;
}

interface Verdict {
  readonly health: EndpointHealth;
  readonly disabled: DisabledReason | null;
  readonly lastStatus: number | null;
}

/** Writes how attempts went, and draws the consequences for their deliveries and endpoints, in one transaction for many. */
@Injectable()
export class Outcomes {
  private readonly logger = new Logger(Outcomes.name);
  private readonly ends = new GroupCommit<Attempted, boolean>(
    (items) => this.database.transaction((manager) => this.write(manager, items)),
    GATHER_MS,
  );

  constructor(
    private readonly clock: Clock,
    private readonly database: Database,
    private readonly deliveries: DeliveriesRepository,
    private readonly endpoints: EndpointsRepository,
    private readonly directory: EndpointDirectory,
    private readonly metrics: MetricsService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** False when another replica took the delivery over: then that one's attempt counts. */
  async record(delivery: ClaimedDelivery, outcome: AttemptOutcome): Promise<boolean> {
    const written = await this.database.insist(() => this.ends.commit({ delivery, outcome }));
    this.metrics.webhookAttempt(outcome.success, outcome.durationMs);
    return written;
  }

  private async write(manager: EntityManager, items: readonly Attempted[]): Promise<boolean[]> {
    const nowMs = this.clock.nowMs();
    const locked = await this.endpoints.lock(
      manager,
      items.map(({ delivery }) => delivery.endpointId),
    );
    const verdicts = new Map<string, Verdict>();
    const attempts: WebhookAttemptEntity[] = [];
    const results = await this.deliveries.finish(
      manager,
      items.map(({ delivery, outcome }) => this.endOf(delivery, outcome, nowMs)),
      nowMs,
    );
    for (const [index, { delivery, outcome }] of items.entries()) {
      if (results[index] !== true) continue;
      attempts.push(attemptOf(delivery, outcome));
      const endpoint = locked.get(delivery.endpointId);
      if (endpoint === undefined) continue;
      const before = verdicts.get(endpoint.id);
      verdicts.set(endpoint.id, this.judge(before?.health ?? endpoint, before?.disabled ?? null, outcome, nowMs));
    }
    await this.deliveries.insertAttempts(manager, attempts);
    for (const [id, verdict] of verdicts) {
      const endpoint = locked.get(id);
      if (endpoint !== undefined) await this.apply(manager, endpoint, verdict, nowMs);
    }
    return results;
  }

  private endOf({ id, leaseToken, retryStep }: ClaimedDelivery, outcome: AttemptOutcome, nowMs: number): DeliveryEnd {
    const next = outcome.success ? null : nextAttemptAtMs(this.config.webhooks, retryStep, outcome, nowMs, Math.random());
    return {
      id,
      leaseToken,
      state: outcome.success ? 'delivered' : next === null ? 'dead' : 'pending',
      retryStep: retryStep + 1,
      nextAttemptAt: next,
      lastStatus: outcome.status,
      lastError: outcome.error,
    };
  }

  private judge(before: EndpointHealth, disabled: DisabledReason | null, outcome: AttemptOutcome, nowMs: number): Verdict {
    if (outcome.success) return { health: HEALTHY, disabled, lastStatus: outcome.status };
    const health = afterFailure(this.config.webhooks, before, outcome, nowMs);
    return { health, disabled: disabled ?? disabledBy(this.config.webhooks, health, outcome, nowMs), lastStatus: outcome.status };
  }

  private async apply(manager: EntityManager, endpoint: LockedEndpoint, verdict: Verdict, nowMs: number): Promise<void> {
    const { health, disabled } = verdict;
    if (health !== HEALTHY || endpoint.consecutiveFailures > 0) await this.endpoints.writeHealth(manager, endpoint.id, health, nowMs);
    if (disabled === null || endpoint.disabledAt !== null) return;
    await this.endpoints.disable(manager, endpoint.id, disabled, nowMs);
    const deadDeliveries = await this.deliveries.giveUp(manager, endpoint.id, `the endpoint was disabled: ${disabled}`, nowMs);
    await this.announce(manager, endpoint, verdict, deadDeliveries, nowMs);
    this.directory.forget(endpoint);
    this.metrics.webhookEndpointDisabled(disabled);
    this.logger.warn(`The webhook endpoint ${endpoint.id} was disabled (${disabled}); ${deadDeliveries} deliveries are dead letters`);
  }

  /** Tells the application's other endpoints. */
  private async announce(
    manager: EntityManager,
    endpoint: LockedEndpoint,
    { disabled, health, lastStatus }: Verdict,
    deadDeliveries: number,
    nowMs: number,
  ): Promise<void> {
    const others = (await this.endpoints.list(manager, endpoint)).filter(({ id, kind }) => id !== endpoint.id && kind === 'application');
    const recipients = recipientsOf(others, { type: 'endpoint.disabled', keyId: null });
    if (recipients.length === 0) return;
    const { id: endpointId, url, orgId, appId } = endpoint;
    const facts = { endpointId, url, reason: disabled ?? '', failingSinceMs: health.failingSince, lastStatus, deadDeliveries };
    const message = newMessage({
      orgId,
      appId,
      type: 'endpoint.disabled',
      generationId: null,
      keyId: null,
      progress: null,
      body: endpointDisabledBody(facts, nowMs),
      createdAt: nowMs,
    });
    await this.deliveries.enqueue(
      manager,
      [message],
      recipients.map((recipient) => newDelivery(message, recipient)),
    );
  }
}

function attemptOf(delivery: ClaimedDelivery, outcome: AttemptOutcome): WebhookAttemptEntity {
  return Object.assign(new WebhookAttemptEntity(), {
    id: newWebhookId('wa'),
    deliveryId: delivery.id,
    orgId: delivery.orgId,
    appId: delivery.appId,
    ordinal: delivery.attemptCount + 1,
    url: outcome.url,
    status: outcome.status,
    success: outcome.success,
    responseSnippet: outcome.snippet,
    error: outcome.error,
    durationMs: outcome.durationMs,
    createdAt: outcome.startedAtMs,
  });
}
