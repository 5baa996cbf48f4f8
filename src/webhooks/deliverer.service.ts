import { AsyncResource } from 'node:async_hooks';
import { type BeforeApplicationShutdown, Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { Clock, newId } from '../common/index.js';
import { CONFIG, type Config } from '../config/index.js';
import { MetricsService } from '../metrics/index.js';
import { type ClaimedDelivery, DeliveriesRepository, type DueEndpoint } from './deliveries.repository.js';
import { EndpointsRepository } from './endpoints.repository.js';
import { Outcomes } from './outcomes.service.js';
import { type AttemptOutcome, Sender } from './sender.service.js';
import { busyEndpoints, grantSlots } from './slots.policy.js';
import type { WebhookEndpointEntity } from './webhook-endpoint.entity.js';

const TICK = 'webhooks.deliverer';
const ENDPOINTS_AT_ONCE = 100;
const MS_PER_SECOND = 1000;
/** What became due or free within this time is claimed together. */
const GATHER_MS = 20;
/** A lease outlives the request's own time limit by this factor, so that nobody repeats what is still under way. */
const LEASE_TIMEOUTS = 2;

interface Running {
  count: number;
  failing: boolean;
}

/** Empties the outbox: takes deliveries that are due, from this process or from one that died, and sends them. */
@Injectable()
export class Deliverer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly owner = newId('replica');
  private readonly tasks = new Set<Promise<void>>();
  private readonly inFlight = new Map<string, Running>();
  private readonly logger = new Logger(Deliverer.name);
  /** Whoever wakes this may be inside a transaction, and what is done then must not think that it is inside too. */
  private readonly tickOutside = AsyncResource.bind(() => void this.tick());
  private wakeUp: NodeJS.Timeout | undefined;
  private claiming: Promise<void> | undefined;
  private draining = false;

  constructor(
    private readonly clock: Clock,
    private readonly schedule: SchedulerRegistry,
    private readonly deliveries: DeliveriesRepository,
    private readonly endpoints: EndpointsRepository,
    private readonly sender: Sender,
    private readonly outcomes: Outcomes,
    private readonly metrics: MetricsService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.role === 'api') return;
    this.schedule.addInterval(
      TICK,
      setInterval(() => void this.tick(), this.config.engine.tick_ms),
    );
  }

  /** Looks soon rather than at the next tick: something was just written, or a slot became free. */
  wake(): void {
    if (this.draining || this.config.role === 'api') return;
    this.wakeUp ??= setTimeout(() => {
      this.wakeUp = undefined;
      this.tickOutside();
    }, GATHER_MS);
  }

  /** One look at the outbox. Never throws; a look that is under way is joined. */
  tick(): Promise<void> {
    if (this.draining) return Promise.resolve();
    this.claiming ??= this.claimDue()
      .catch((error: unknown) => this.logger.error('Due webhook deliveries could not be claimed', stackOf(error)))
      .finally(() => {
        this.claiming = undefined;
      });
    return this.claiming;
  }

  private async claimDue(): Promise<void> {
    const settings = this.config.webhooks;
    if (this.tasks.size >= settings.max_concurrent_deliveries) return;
    const nowMs = this.clock.nowMs();
    const due = await this.deliveries.dueEndpoints(nowMs, busyEndpoints(settings, this.inFlight), ENDPOINTS_AT_ONCE);
    if (due.length === 0) return;
    const failing = new Set(due.filter(isFailing).map(({ id }) => id));
    const leaseUntilMs = nowMs + settings.timeout_seconds * MS_PER_SECOND * LEASE_TIMEOUTS;
    for (const { endpointId, limit, probe } of grantSlots(settings, due, this.inFlight)) {
      if (probe && !(await this.endpoints.takeProbe(endpointId, nowMs, leaseUntilMs))) continue;
      const claimed = await this.deliveries.claim(endpointId, this.owner, nowMs, leaseUntilMs, limit);
      const target = claimed.length === 0 ? undefined : (await this.endpoints.targets([endpointId])).get(endpointId);
      for (const delivery of claimed) this.start(delivery, target, failing.has(endpointId));
    }
  }

  private start(delivery: ClaimedDelivery, target: WebhookEndpointEntity | undefined, failing: boolean): void {
    const running = this.inFlight.get(delivery.endpointId) ?? { count: 0, failing };
    this.inFlight.set(delivery.endpointId, { count: running.count + 1, failing });
    const task = this.deliver(delivery, target)
      .catch((error: unknown) => this.logger.error(`The delivery ${delivery.id} failed and will be taken up again`, stackOf(error)))
      .finally(() => {
        this.tasks.delete(task);
        this.free(delivery.endpointId);
        this.metrics.webhookDeliveriesInFlight(this.tasks.size);
        this.wake();
      });
    this.tasks.add(task);
    this.metrics.webhookDeliveriesInFlight(this.tasks.size);
  }

  private free(endpointId: string): void {
    const running = this.inFlight.get(endpointId);
    if (running === undefined) return;
    if (running.count <= 1) this.inFlight.delete(endpointId);
    else running.count -= 1;
  }

  private async deliver(delivery: ClaimedDelivery, target: WebhookEndpointEntity | undefined): Promise<void> {
    if (target === undefined) {
      await this.deliveries.abandon(delivery, 'the endpoint is gone, or its key has no webhook URL any more', this.clock.nowMs());
      return;
    }
    if (delivery.attemptCount === 0) this.metrics.webhookLag(this.clock.nowMs() - delivery.createdAt);
    const message = { id: delivery.messageId, body: delivery.body };
    const outcome: AttemptOutcome = await this.sender.send(target, delivery.url ?? target.url, message);
    if (!(await this.outcomes.record(delivery, outcome))) {
      this.logger.warn(`The outcome of ${delivery.id} under lease ${delivery.leaseToken} came too late and was not noted`);
    }
  }

  /** Takes nothing new and lets what is under way arrive; the rest stays in the outbox for whoever comes next (R17). */
  async beforeApplicationShutdown(): Promise<void> {
    this.draining = true;
    clearTimeout(this.wakeUp);
    if (this.schedule.doesExist('interval', TICK)) this.schedule.deleteInterval(TICK);
    await this.claiming;
    if (this.tasks.size === 0) return;
    this.logger.log(`Waiting for ${this.tasks.size} webhook deliveries`);
    const grace = new Promise<void>((resolve) => setTimeout(resolve, this.config.server.shutdown_grace_seconds * MS_PER_SECOND).unref());
    await Promise.race([Promise.allSettled([...this.tasks]), grace]);
  }
}

function isFailing({ consecutiveFailures }: DueEndpoint): boolean {
  return consecutiveFailures > 0;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
