import { type OperationStatus, ProviderError } from '@litegen/plugin-sdk';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { Clock } from '../../../platform/common/index.js';
import { CONFIG, type Config } from '../../../platform/config/index.js';
import { MetricsService } from '../../../platform/metrics/index.js';
import { engineSpan } from '../../../platform/tracing/index.js';
import { LeaseLost, TimeLimit } from '../leases/lease-keeper.service.js';
import { ProviderConcurrency } from '../leases/provider-concurrency.service.js';
import type { Held } from '../model/held.js';
import { GenerationSignals } from '../read/waiters.service.js';
import { EndNotWritten, Settler } from '../settle/settler.service.js';
import { LeasesRepository } from '../store/leases.repository.js';
import { isFinal, nextProgress } from '../vendor/polling.policy.js';
import { type PreparedCall, VendorCalls } from '../vendor/vendor-calls.service.js';
import { describeFailure } from '../vendor/vendor-failure.policy.js';
import { PollPace } from './poll-pace.service.js';

const MS_PER_SECOND = 1000;
/** When a vendor says that it is asked too often, but not for how long to leave it alone. */
const USUAL_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/** Asks vendors how their jobs stand, and brings every answer, asked for or called back, to the same end. */
@Injectable()
export class Watcher {
  private readonly logger = new Logger(Watcher.name);

  constructor(
    private readonly clock: Clock,
    private readonly leases: LeasesRepository,
    private readonly concurrency: ProviderConcurrency,
    private readonly pace: PollPace,
    private readonly signals: GenerationSignals,
    private readonly calls: VendorCalls,
    private readonly settler: Settler,
    private readonly metrics: MetricsService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** One look at a running job. @throws EndNotWritten */
  async look(held: Held, signal: AbortSignal): Promise<void> {
    await engineSpan('generation.poll', held.generation, async () => {
      const { generation } = held;
      if (generation.cancelRequestedAt !== null && (await this.cancelFirst(held, signal))) return;
      const limit = new TimeLimit(signal, this.config.engine.poll_timeout_seconds * MS_PER_SECOND);
      try {
        const prepared = await this.calls.prepare(held, limit.signal);
        const isLast = generation.deadlineAt <= this.clock.nowMs();
        const status = await this.ask(held, prepared, signal);
        if (isLast && !isFinal(status)) return await this.giveUp(held, prepared);
        // What follows, such as a download, has limits of its own.
        limit.end();
        if (isFinal(status) && held.attempt.callbackToken !== null) await this.pace.missedCallback(generation.provider);
        await this.apply(held, status, prepared, signal);
      } catch (error) {
        await this.lookAgainAfter(held, error, signal);
      } finally {
        limit.end();
      }
    });
  }

  /** A cancellation that fails or hangs does not keep the job from being asked about. */
  async cancelFirst(held: Held, signal: AbortSignal): Promise<boolean> {
    const { id, provider } = held.generation;
    const limit = new TimeLimit(signal, this.config.engine.poll_timeout_seconds * MS_PER_SECOND);
    try {
      return await this.tryCancel(held, await this.calls.prepare(held, limit.signal));
    } catch (error) {
      if (!(signal.reason instanceof LeaseLost))
        this.logger.warn(`Cancelling ${id} at ${provider} failed and will be tried again: ${String(error)}`);
      return false;
    } finally {
      limit.end();
    }
  }

  private async ask(held: Held, prepared: PreparedCall, signal: AbortSignal): Promise<OperationStatus> {
    const { provider } = held.generation;
    try {
      const status = await this.calls.status(held, prepared);
      this.concurrency.polled(provider, true);
      return status;
    } catch (error) {
      if (ProviderError.is(error) && !signal.aborted) this.noteRefusal(provider, error);
      throw error;
    }
  }

  private noteRefusal(provider: string, { code, vendorStatus, retryAfterMs }: ProviderError): void {
    if (vendorStatus !== undefined) this.concurrency.polled(provider, true);
    else if (code === 'timeout' || code === 'unavailable') this.concurrency.polled(provider, false);
    if (code === 'rate_limited') this.concurrency.pausePolls(provider, Math.min(LONGEST_PAUSE_MS, retryAfterMs ?? USUAL_PAUSE_MS));
  }

  /** What a poll and a callback both end in. */
  async apply(held: Held, status: OperationStatus, prepared: PreparedCall, signal: AbortSignal): Promise<void> {
    switch (status.state) {
      case 'pending':
        if (status.unrecognizedStatus !== undefined) this.metrics.unknownVendorStatus(held.generation);
        await this.stillPending(held, status.progress, status.pollAfterMs, status.unrecognizedStatus);
        return;
      case 'succeeded':
        await this.settler.complete(held, status, prepared.call, prepared.warnings, signal);
        return;
      case 'failed':
        await this.settler.fail(held, describeFailure(status.error), 'failed', status.error.charged, prepared.warnings);
        return;
      case 'cancelled':
        await this.settler.cancelled(held, status.charged);
        return;
    }
  }

  /** `cancelled` only when the vendor confirms it. True when that was written. */
  async tryCancel(held: Held, prepared: PreparedCall): Promise<boolean> {
    const result = await this.calls.cancel(held, prepared);
    if (result !== 'cancelled') return false;
    // A confirmed cancellation says nothing of a bill; most vendors send none.
    await this.settler.cancelled(held, 'unknown', 'no');
    return true;
  }

  /** The deadline has passed, and even the last answer was that the job still runs. */
  private async giveUp(held: Held, prepared: PreparedCall): Promise<void> {
    const cancelled = (await this.calls.cancel(held, prepared)) === 'cancelled';
    await this.settler.fail(
      held,
      {
        code: 'deadline_exceeded',
        message: `The vendor had not finished by the deadline${cancelled ? ' and confirmed the cancellation' : ''}.`,
        details: { charged: cancelled ? 'no' : 'unknown' },
      },
      cancelled ? 'cancelled' : 'unknown',
      cancelled ? 'no' : 'unknown',
    );
  }

  /** For a job past its deadline that its vendor cannot be asked about. */
  async abandon(held: Held, reason: string): Promise<void> {
    await this.settler.fail(
      held,
      {
        code: 'deadline_exceeded',
        message: `The vendor could not be asked before the deadline: ${reason}`,
        details: { charged: 'unknown' },
      },
      'unknown',
      'unknown',
    );
  }

  private async stillPending(
    held: Held,
    reported: number | undefined,
    wishMs: number | undefined,
    unrecognized: string | undefined,
  ): Promise<void> {
    const { generation, lease, attempt } = held;
    if (unrecognized !== undefined)
      this.logger.warn(`${generation.provider} answered the unknown status "${unrecognized}" for ${generation.id}`);
    const nowMs = this.clock.nowMs();
    const progress = nextProgress(generation.progress, reported);
    const delay = this.pace.delayMs(generation, attempt, attempt.pollCount + 1, wishMs);
    const nextRunAtMs = Math.min(nowMs + delay, Math.max(nowMs, generation.deadlineAt));
    const isNews = progress !== generation.progress || attempt.state !== 'accepted';
    await this.leases.release(lease, { state: 'accepted', nextRunAtMs, polled: true, ...(isNews ? { progress } : {}) }, nowMs);
    if (progress !== generation.progress) this.signals.send(generation.id, { type: 'progress', progress });
  }

  /** A question that failed says nothing about the job; only the deadline ends it. */
  private async lookAgainAfter(held: Held, thrown: unknown, signal: AbortSignal): Promise<void> {
    if (signal.reason instanceof LeaseLost) return;
    if (thrown instanceof EndNotWritten) throw thrown;
    const { generation, lease } = held;
    const error = ProviderError.is(thrown)
      ? thrown
      : new ProviderError('internal', 'The provider plugin failed unexpectedly.', { cause: thrown });
    this.metrics.providerError(generation, error.code);
    const nowMs = this.clock.nowMs();
    if (generation.deadlineAt <= nowMs) {
      await this.abandon(held, error.message);
      return;
    }
    this.logger.warn(`Asking ${generation.provider} about ${generation.id} failed and will be tried again: ${error.message}`);
    const delay = this.pace.delayMs(generation, held.attempt, held.attempt.pollCount + 1, error.retryAfterMs);
    await this.leases.release(
      lease,
      { state: 'accepted', nextRunAtMs: Math.min(nowMs + delay, generation.deadlineAt), polled: true },
      nowMs,
    );
  }
}
