import { type CallWarning, ProviderError, type StartResult } from '@litegen/plugin-sdk';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { ApiError, Clock } from '../../../platform/common/index.js';
import { CONFIG, type Config } from '../../../platform/config/index.js';
import { MetricsService } from '../../../platform/metrics/index.js';
import { engineSpan } from '../../../platform/tracing/index.js';
import { CapacityLimits } from '../../../policy/limits/index.js';
import { DeadlinePassed, LeaseLost } from '../leases/lease-keeper.service.js';
import { type AttemptEntity, newAttempt } from '../model/attempt.entity.js';
import type { GenerationEntity } from '../model/generation.entity.js';
import type { Held } from '../model/held.js';
import { GenerationSignals } from '../read/waiters.service.js';
import { EndNotWritten, Settler } from '../settle/settler.service.js';
import { GenerationsRepository } from '../store/generations.repository.js';
import { LeasesRepository } from '../store/leases.repository.js';
import { type AfterFailure, afterAbandonedSubmission, afterSubmissionFailure, type FailureSituation } from '../vendor/retry.policy.js';
import { type PreparedCall, VendorCalls } from '../vendor/vendor-calls.service.js';
import { PollPace } from './poll-pace.service.js';

/** Sends one attempt to its vendor and writes what came of it. */
@Injectable()
export class Dispatcher {
  private readonly logger = new Logger(Dispatcher.name);

  constructor(
    private readonly clock: Clock,
    private readonly repository: GenerationsRepository,
    private readonly leases: LeasesRepository,
    private readonly pace: PollPace,
    private readonly signals: GenerationSignals,
    private readonly calls: VendorCalls,
    private readonly settler: Settler,
    private readonly limits: CapacityLimits,
    private readonly metrics: MetricsService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** A row for an attempt that a worker may begin at `nextRunAt`; not stored yet. */
  newAttempt(generation: Pick<GenerationEntity, 'id' | 'orgId' | 'appId' | 'provider' | 'model'>, nextRunAt: number): AttemptEntity {
    return newAttempt(generation, {
      callbackToken: this.calls.callbackTokenFor(generation.model),
      nextRunAt,
      nowMs: this.clock.nowMs(),
    });
  }

  /** The attempt's row is committed before this is called. @throws EndNotWritten; every other outcome is written */
  async dispatch(held: Held, signal: AbortSignal): Promise<void> {
    await engineSpan('generation.dispatch', held.generation, async () => {
      let prepared: PreparedCall | undefined;
      try {
        prepared = await this.calls.prepare(held, signal);
        const result = await this.calls.start(held.generation, prepared);
        await this.onStarted(held, prepared, result, signal);
      } catch (error) {
        await this.onFailure(held, error, prepared?.warnings ?? [], signal);
      }
    });
  }

  private async onStarted(held: Held, prepared: PreparedCall, result: StartResult, signal: AbortSignal): Promise<void> {
    if (result.state === 'done') {
      await this.settler.complete(held, result, prepared.call, prepared.warnings, signal);
      return;
    }
    const nowMs = this.clock.nowMs();
    const delay = this.pace.delayMs(held.generation, held.attempt, 0, result.pollAfterMs);
    const kept = await this.repository.acceptAttempt(
      held.lease,
      {
        operation: result.operation,
        vendorJobId: result.vendorJobId,
        vendorRequestId: result.vendorRequestId,
        warnings: prepared.warnings,
        nextRunAtMs: nowMs + delay,
      },
      nowMs,
    );
    if (kept) this.signals.send(held.generation.id, { type: 'accepted' });
    else
      this.logger.warn(
        `The vendor accepted ${held.generation.id} after its lease was lost; the job is kept with attempt ${held.attempt.id}`,
      );
  }

  private async onFailure(held: Held, thrown: unknown, warnings: readonly CallWarning[], signal: AbortSignal): Promise<void> {
    // The work goes on elsewhere; what this process thinks of it no longer counts.
    if (signal.reason instanceof LeaseLost) return;
    if (thrown instanceof EndNotWritten) throw thrown;
    if (thrown instanceof ApiError && thrown.code === 'storage_unavailable') {
      const message = `The vendor was called, and what it answered could not be stored: ${thrown.message}`;
      await this.settler.fail(held, { code: thrown.code, message, details: { charged: 'unknown' } }, 'unknown', 'unknown', warnings);
      return;
    }
    const error = asProviderError(thrown, signal);
    if (error.code === 'internal' && !ProviderError.is(thrown)) {
      this.logger.error(
        `Provider ${held.generation.provider} threw something unexpected`,
        thrown instanceof Error ? thrown.stack : String(thrown),
      );
    }
    await this.follow(held, afterSubmissionFailure(error, this.situation(held)), error, warnings);
  }

  /** Another process died while it called the vendor, or could not renew its lease for as long as that lasts. */
  async recover(held: Held, signal: AbortSignal): Promise<void> {
    const next = afterAbandonedSubmission(this.situation(held));
    this.logger.warn(`${held.generation.id} was being sent by a process whose lease has ended: ${next.kind}`);
    if (next.kind === 'resubmit') {
      // Counted before it is sent, so that a request which takes its process down does not go round for ever.
      if (await this.repository.countResubmission(held.lease, this.clock.nowMs())) {
        held.attempt.pollCount += 1;
        await this.dispatch(held, signal);
      }
    } else await this.follow(held, next, undefined, []);
  }

  private async follow(held: Held, next: AfterFailure, error: ProviderError | undefined, warnings: readonly CallWarning[]): Promise<void> {
    const nowMs = this.clock.nowMs();
    switch (next.kind) {
      case 'fail':
        await this.settler.fail(held, next.failure, next.attemptState, next.charged, warnings);
        return;
      case 'resubmit':
        // Still `sent`: whoever takes it next sends the same attempt under the same key.
        await this.leases.release(held.lease, { state: 'sent', nextRunAtMs: nowMs + next.delayMs }, nowMs);
        return;
      case 'retry':
        if (error !== undefined) this.metrics.providerError(held.generation, error.code);
        await this.repository.requeue(
          held.lease,
          {
            state: next.attemptState,
            charged: 'no',
            errorCode: error?.code,
            errorMessage: error?.message,
            vendorCode: error?.vendorCode,
            vendorStatus: error?.vendorStatus,
            vendorRequestId: error?.vendorRequestId,
            warnings,
          },
          { attempt: this.newAttempt(held.generation, nowMs + next.delayMs), limits: await this.limits.of(held.generation) },
          nowMs,
        );
        return;
    }
  }

  private situation({ generation, attempt }: Held): FailureSituation {
    return {
      // Until the vendor accepts, the count is that of further submissions of one attempt.
      attempts: attempt.ordinal + attempt.pollCount,
      maxAttempts: this.config.engine.max_attempts,
      vendorIsIdempotent: this.calls.vendorIsIdempotent(generation.model),
      nowMs: this.clock.nowMs(),
      deadlineAtMs: generation.deadlineAt,
      cancelRequested: generation.cancelRequestedAt !== null,
      random: Math.random(),
    };
  }

  /** Begins an attempt whose turn has come. */
  async begin(held: Held, signal: AbortSignal): Promise<void> {
    const { lease, generation, attempt } = held;
    const limits = await this.limits.of(generation);
    const nowMs = this.clock.nowMs();
    if (!(await this.repository.beginAttempt(lease, nowMs, { ...generation, limits }))) return;
    generation.status = 'dispatching';
    attempt.state = 'sent';
    attempt.sentAt ??= nowMs;
    await this.dispatch(held, signal);
  }
}

function asProviderError(thrown: unknown, signal: AbortSignal): ProviderError {
  if (ProviderError.is(thrown)) return thrown;
  if (signal.reason instanceof DeadlinePassed)
    return new ProviderError('timeout', 'The vendor did not answer before the deadline.', { charged: 'unknown' });
  return new ProviderError('internal', 'The provider plugin failed unexpectedly.', { charged: 'unknown', cause: thrown });
}
