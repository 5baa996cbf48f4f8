import { Injectable, Logger } from '@nestjs/common';
import { ApiError, awayText, Clock, unavailableCode } from '../../../platform/common/index.js';
import { CommitUnknown, Database, isUnavailable } from '../../../platform/database/index.js';
import type { AttemptEntity } from '../model/attempt.entity.js';
import type { GenerationFailure } from '../model/generation.types.js';
import { IdempotencyRepository } from '../store/idempotency.repository.js';
import { type Admission, LifecycleRepository } from '../store/lifecycle.repository.js';

const RETRY_AFTER_MS = 2_000;

/** Admissions that failed because the database went away, of which it is not known whether they were committed. */
@Injectable()
export class UnconfirmedAdmissions {
  private readonly logger = new Logger(UnconfirmedAdmissions.name);

  constructor(
    private readonly clock: Clock,
    private readonly database: Database,
    private readonly lifecycle: LifecycleRepository,
    private readonly idempotency: IdempotencyRepository,
  ) {}

  /**
   * What the caller is told when an admission failed. The caller may send the request again and nothing was sent to a vendor, so a row that
   * was committed after all is ended, as soon as the database is back.
   */
  refuse(admission: Admission, error: unknown): unknown {
    if (!isUnavailable(error)) return error;
    if (error instanceof CommitUnknown) {
      this.disown(admission).catch((failure: unknown) =>
        this.logger.error(`The unconfirmed admission of ${admission.generation.id} could not be ended: ${String(failure)}`),
      );
    }
    return new ApiError(unavailableCode(error), `${awayText(error)} Nothing was sent to a vendor.`, {
      retryAfterSeconds: RETRY_AFTER_MS / 1000,
      cause: error,
    });
  }

  private async disown({ generation, attempts, idempotency }: Admission): Promise<void> {
    const failure: GenerationFailure = {
      code: 'database_unavailable',
      message: 'The database went away while the request was being admitted. Nothing was sent to the vendor; send the request again.',
      details: { charged: 'no', retry_after_ms: RETRY_AFTER_MS },
    };
    const end = {
      generation,
      settlement: {
        status: 'failed' as const,
        costMicros: 0,
        costSource: 'not_charged',
        holdState: 'released' as const,
        usage: null,
        failure,
      },
      attempt: { state: 'not_sent' as const, charged: 'no' },
      outputs: [],
    };
    const settle = async ({ id: attemptId }: AttemptEntity, token: number): Promise<boolean> => {
      const lease = { attemptId, generationId: generation.id, token };
      const { kind } = await this.database.insist(() => this.lifecycle.settle({ ...end, lease, nowMs: this.clock.nowMs() }));
      return kind === 'ended';
    };
    let hasEnded = false;
    for (const attempt of attempts) {
      // One that follows another, or waits for room, was committed without a lease.
      const isLast = (await settle(attempt, attempt.leaseToken)) || (attempt.leaseToken !== 0 && (await settle(attempt, 0)));
      hasEnded ||= isLast;
    }
    // Where it had not been committed, or another process took it up, there is nothing to forget.
    if (!hasEnded) return;
    this.logger.warn(`${generation.id} had been admitted although its caller was told otherwise, and was ended without being sent`);
    if (idempotency?.key === undefined) return;
    const { key } = idempotency;
    await this.database.insist(() => this.idempotency.release(generation, key));
  }
}
