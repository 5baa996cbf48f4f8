import { type BeforeApplicationShutdown, Inject, Injectable, Logger } from '@nestjs/common';
import { Clock, newId } from '../../../platform/common/index.js';
import { CONFIG, type Config } from '../../../platform/config/index.js';
import { MetricsService } from '../../../platform/metrics/index.js';
import { PeriodicTasks } from '../../../platform/schedule/index.js';
import { LeasedWork } from '../../work/index.js';
import { EndpointsRepository } from '../endpoints/endpoints.repository.js';
import { LONGEST_PAUSE_MS } from '../endpoints/retry.policy.js';
import type { WebhookEndpointEntity } from '../endpoints/webhook-endpoint.entity.js';
import { type ClaimedDelivery, DeliveriesRepository, type DueEndpoint } from './deliveries.repository.js';
import { DeliverySlots } from './delivery-slots.js';
import type { DeliveryLease } from './new-message.js';
import { Outcomes } from './outcomes.service.js';
import { type AttemptOutcome, Sender } from './sender.service.js';
import { busyEndpoints, grantSlots, hasSlot } from './slots.policy.js';

const ENDPOINTS_AT_ONCE = 100;
const MS_PER_SECOND = 1000;
const PULL_BACK_INTERVAL_MS = 10_000;
/** What became due or free within this time is claimed together. */
const GATHER_MS = 20;
/** A lease outlives the request's own time limit by this factor, so that nobody repeats what is still under way. */
const LEASE_TIMEOUTS = 2;

/** For as long as the directory of endpoints may be behind, a delivery may wait for its turn. */
const LONGEST_WAIT_MS = 5_000;

/** A delivery under a lease of this process, and where it goes. */
export interface Reservation {
  readonly delivery: ClaimedDelivery;
  /** Undefined: the endpoint is gone, or its key has no URL any more. */
  readonly target: WebhookEndpointEntity | undefined;
  readonly lease: DeliveryLease;
}

/**
 * Empties the outbox: takes deliveries that are due, from this process or from one that died, and sends them. What is just being written
 * is sent without being looked for, as long as there is room and nothing else waits.
 */
@Injectable()
export class Deliverer implements BeforeApplicationShutdown {
  private readonly owner = newId('replica');
  private readonly work: LeasedWork;
  private readonly slots: DeliverySlots<Reservation>;
  /** Endpoints for which more may be due than there was room for; their turn is that of the outbox. */
  private readonly backlog = new Set<string>();
  private readonly logger = new Logger(Deliverer.name);

  constructor(
    private readonly clock: Clock,
    private readonly deliveries: DeliveriesRepository,
    private readonly endpoints: EndpointsRepository,
    private readonly sender: Sender,
    private readonly outcomes: Outcomes,
    private readonly metrics: MetricsService,
    @Inject(CONFIG) private readonly config: Config,
    periodic: PeriodicTasks,
  ) {
    this.slots = new DeliverySlots(config.webhooks);
    this.work = new LeasedWork(periodic, config, {
      name: 'webhooks.deliverer',
      what: 'webhook deliveries',
      claim: () => this.claimDue(),
      failure: 'Due webhook deliveries could not be claimed',
      gatherMs: GATHER_MS,
      counted: (count) => metrics.webhookDeliveriesInFlight(count),
      logger: this.logger,
    });
    // A clock that stepped back must not keep receivers waiting for the time that it had shown.
    periodic.add({
      name: 'webhooks.pull-back',
      intervalMs: PULL_BACK_INTERVAL_MS,
      run: () => this.pullBack(),
      failure: 'What an earlier clock had set could not be looked for',
      failureLevel: 'debug',
      logger: this.logger,
      isForWorkers: true,
    });
  }

  /** Looks soon rather than at the next tick: something was just written, or a slot became free. */
  wake(): void {
    this.work.wake();
  }

  /**
   * Takes a slot for a delivery that is about to be written, and the lease to write with it. Undefined when it has to wait in the outbox.
   * A process that dies before it has sent the delivery leaves it to whoever finds its lease expired.
   */
  reserve({ id, consecutiveFailures, pausedUntil }: WebhookEndpointEntity, nowMs: number): DeliveryLease | undefined {
    if (!this.work.isOpen) return undefined;
    if (this.backlog.has(id) || pausedUntil !== null || !hasSlot(this.config.webhooks, { id, consecutiveFailures }, this.slots.leased)) {
      this.backlog.add(id);
      return undefined;
    }
    this.slots.lease(id, false);
    return this.leaseAt(nowMs);
  }

  /** To be called when the transaction is over. */
  sendReserved(reserved: readonly Reservation[], isCommitted: boolean): void {
    for (const reservation of reserved) {
      if (isCommitted) this.enter(reservation);
      else this.slots.release(reservation.delivery.endpointId);
    }
    if (this.backlog.size > 0) this.wake();
  }

  private async pullBack(): Promise<void> {
    if (this.work.isDraining) return;
    const lease = this.config.webhooks.timeout_seconds * MS_PER_SECOND * LEASE_TIMEOUTS;
    const pulled = await this.deliveries.pullBack(this.clock.nowMs(), { lease, pause: LONGEST_PAUSE_MS });
    if (pulled > 0) this.logger.warn(`${pulled} webhook deliveries had been scheduled by a clock that was ahead, and were rescheduled`);
  }

  private leaseAt(nowMs: number): DeliveryLease {
    const timeoutMs = this.config.webhooks.timeout_seconds * MS_PER_SECOND;
    return { owner: this.owner, untilMs: nowMs + timeoutMs * LEASE_TIMEOUTS, startByMs: nowMs + Math.min(timeoutMs, LONGEST_WAIT_MS) };
  }

  private async claimDue(): Promise<void> {
    const settings = this.config.webhooks;
    if (this.work.count >= settings.max_concurrent_deliveries) return;
    const nowMs = this.clock.nowMs();
    const busy = busyEndpoints(settings, this.slots.leased);
    const due = await this.deliveries.dueEndpoints(nowMs, busy, ENDPOINTS_AT_ONCE);
    const waiting = new Set([...busy, ...due.map(({ id }) => id)]);
    for (const id of this.backlog) if (!waiting.has(id)) this.backlog.delete(id);
    const failing = new Set(due.filter(isFailing).map(({ id }) => id));
    const lease = this.leaseAt(nowMs);
    for (const { endpointId, limit, probe } of grantSlots(settings, due, this.slots.leased)) {
      if (probe && !(await this.endpoints.takeProbe(endpointId, nowMs, lease.untilMs))) continue;
      const claimed = await this.deliveries.claim(endpointId, this.owner, nowMs, lease.untilMs, limit);
      if (claimed.length < limit) this.backlog.delete(endpointId);
      else this.backlog.add(endpointId);
      const target = claimed.length === 0 ? undefined : (await this.endpoints.targets([endpointId])).get(endpointId);
      for (const delivery of claimed) {
        this.slots.lease(endpointId, failing.has(endpointId));
        this.enter({ delivery, target, lease });
      }
    }
  }

  /** Sends it at once, or as soon as there is a slot. The lease is counted already. */
  private enter(reservation: Reservation): void {
    const { endpointId } = reservation.delivery;
    this.slots.enter(endpointId, reservation);
    this.startWaiting();
    if (this.work.isDraining) void this.handBack(this.slots.clear(endpointId));
  }

  private startWaiting(): void {
    const nowMs = this.clock.nowMs();
    for (let next = this.slots.next(); next !== undefined; next = this.slots.next()) {
      if (next.lease.startByMs >= nowMs) {
        this.start(next);
        continue;
      }
      const { endpointId } = next.delivery;
      this.slots.leave(endpointId);
      void this.handBack([next, ...this.slots.clear(endpointId)]);
    }
  }

  /** The slot is taken already. */
  private start(reservation: Reservation): void {
    void this.work.track(this.deliver(reservation), `The delivery ${reservation.delivery.id}`);
  }

  private free(endpointId: string): void {
    this.slots.leave(endpointId);
    this.startWaiting();
    if (this.backlog.size > 0) this.wake();
  }

  /** To the outbox, where everything counts that is known of the endpoint by now. Never throws: leases end by themselves. */
  private async handBack(reservations: readonly Reservation[]): Promise<void> {
    if (reservations.length === 0) return;
    try {
      for (const { delivery } of reservations) this.backlog.add(delivery.endpointId);
      await this.deliveries.handBack(
        reservations.map(({ delivery }) => delivery),
        this.clock.nowMs(),
      );
      this.wake();
    } catch (error) {
      this.logger.warn(`${reservations.length} webhook deliveries wait for their leases to end: ${String(error)}`);
    }
  }

  private async deliver({ delivery, target }: Reservation): Promise<void> {
    const { endpointId } = delivery;
    let isFree = false;
    let waiting: readonly Reservation[] = [];
    try {
      const outcome = await this.attempt(delivery, target);
      // A failure keeps its slot until it is written, because what it leads to decides who may send next.
      if (outcome?.success === true) {
        isFree = true;
        this.free(endpointId);
      } else {
        this.backlog.add(endpointId);
        if (outcome !== undefined) waiting = this.slots.clear(endpointId);
      }
      if (outcome !== undefined && !(await this.outcomes.record(delivery, outcome))) {
        this.logger.warn(`The outcome of ${delivery.id} under lease ${delivery.leaseToken} came too late and was not noted`);
      }
    } finally {
      if (!isFree) this.free(endpointId);
      await this.handBack(waiting);
    }
  }

  private async attempt(delivery: ClaimedDelivery, target: WebhookEndpointEntity | undefined): Promise<AttemptOutcome | undefined> {
    if (target === undefined) {
      await this.deliveries.abandon(delivery, 'the endpoint is gone, or its key has no webhook URL any more', this.clock.nowMs());
      return undefined;
    }
    if (delivery.attemptCount === 0) this.metrics.webhookLag(this.clock.nowMs() - delivery.createdAt);
    return this.sender.send(target, delivery.url ?? target.url, { id: delivery.messageId, body: delivery.body });
  }

  /** Lets what is under way arrive; the rest stays in the outbox for whoever comes next. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.work.drain(() => this.handBack(this.slots.clearAll()));
  }
}

function isFailing({ consecutiveFailures }: DueEndpoint): boolean {
  return consecutiveFailures > 0;
}
