import { type OperationStatus, ProviderError } from '@litegen/plugin-sdk';
import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../common/index.js';
import { MetricsService } from '../metrics/index.js';
import { engineSpan } from '../tracing/index.js';
import { GenerationSignals } from './generation-signals.js';
import { describeFailure, nextProgress, pollDelayMs } from './generations.machine.js';
import { GenerationsRepository } from './generations.repository.js';
import { LeaseLost } from './lease-keeper.service.js';
import { type Held, Settler } from './settler.service.js';
import { type PreparedCall, VendorCalls } from './vendor-calls.service.js';

/** Asks vendors how their jobs stand, and brings every answer, asked for or called back, to the same end. */
@Injectable()
export class Watcher {
  private readonly logger = new Logger(Watcher.name);

  constructor(
    private readonly clock: Clock,
    private readonly repository: GenerationsRepository,
    private readonly signals: GenerationSignals,
    private readonly calls: VendorCalls,
    private readonly settler: Settler,
    private readonly metrics: MetricsService,
  ) {}

  /** One look at a running job. Never throws. */
  async look(held: Held, signal: AbortSignal): Promise<void> {
    await engineSpan('generation.poll', held.generation, async () => {
      const { generation } = held;
      let prepared: PreparedCall | undefined;
      try {
        prepared = await this.calls.prepare(held, signal);
        if (generation.cancelRequestedAt !== null && (await this.tryCancel(held, prepared))) return;
        if (generation.deadlineAt <= this.clock.nowMs()) {
          await this.giveUp(held, prepared);
          return;
        }
        const status = await this.calls.status(held, prepared);
        await this.apply(held, status, prepared, signal);
      } catch (error) {
        await this.lookAgainAfter(held, error, signal);
      }
    });
  }

  /** What a poll and a call back both end in. */
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

  /** `cancelled` only when the vendor confirms it (R19). True when that was written. */
  async tryCancel(held: Held, prepared: PreparedCall): Promise<boolean> {
    const result = await this.calls.cancel(held, prepared);
    if (result !== 'cancelled') return false;
    // A confirmed cancellation says nothing of a bill; most vendors send none.
    await this.settler.cancelled(held, 'unknown', 'no');
    return true;
  }

  private async giveUp(held: Held, prepared: PreparedCall): Promise<void> {
    // Its last chance: a job that finished just now is not thrown away.
    const status = await this.calls.status(held, prepared);
    if (status.state !== 'pending') {
      await this.apply(held, status, prepared, prepared.call.signal);
      return;
    }
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

  private async stillPending(
    held: Held,
    reported: number | undefined,
    wishMs: number | undefined,
    unrecognized: string | undefined,
  ): Promise<void> {
    const { generation, lease } = held;
    if (unrecognized !== undefined)
      this.logger.warn(`${generation.provider} answered the unknown status "${unrecognized}" for ${generation.id}`);
    const nowMs = this.clock.nowMs();
    const progress = nextProgress(generation.progress, reported);
    const delay = pollDelayMs(this.calls.pollSchedule(generation), generation.pollCount + 1, Math.random(), wishMs);
    const nextRunAtMs = Math.min(nowMs + delay, Math.max(nowMs, generation.deadlineAt));
    await this.repository.release(lease, { status: 'running', nextRunAtMs, progress, polled: true }, nowMs);
    if (progress !== generation.progress) this.signals.send(generation.id, { type: 'progress', progress });
  }

  /** A question that failed says nothing about the job (R14); only the deadline ends it. */
  private async lookAgainAfter(held: Held, thrown: unknown, signal: AbortSignal): Promise<void> {
    if (signal.reason instanceof LeaseLost) return;
    const { generation, lease } = held;
    const error = ProviderError.is(thrown)
      ? thrown
      : new ProviderError('internal', 'The provider plugin failed unexpectedly.', { cause: thrown });
    this.metrics.providerError(generation, error.code);
    const nowMs = this.clock.nowMs();
    if (generation.deadlineAt <= nowMs) {
      await this.settler.fail(
        held,
        {
          code: 'deadline_exceeded',
          message: `The vendor could not be asked before the deadline: ${error.message}`,
          details: { charged: 'unknown' },
        },
        'unknown',
        'unknown',
      );
      return;
    }
    this.logger.warn(`Asking ${generation.provider} about ${generation.id} failed and will be tried again: ${error.message}`);
    const delay = pollDelayMs(this.calls.pollSchedule(generation), generation.pollCount + 1, Math.random(), error.retryAfterMs);
    await this.repository.release(
      lease,
      { status: 'running', nextRunAtMs: Math.min(nowMs + delay, generation.deadlineAt), polled: true },
      nowMs,
    );
  }
}
