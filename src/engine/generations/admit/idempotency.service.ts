import { Inject, Injectable, Logger } from '@nestjs/common';
import { ApiError, Clock } from '../../../platform/common/index.js';
import { CONFIG, type Config } from '../../../platform/config/index.js';
import { PeriodicTasks } from '../../../platform/schedule/index.js';
import type { GenerationEntity } from '../model/generation.entity.js';
import type { GenerationCommand } from '../model/generation-command.js';
import { checkIdempotencyKey, fingerprintOf, type IdempotentAdmission } from '../model/idempotency.policy.js';
import { GenerationsRepository } from '../store/generations.repository.js';
import { IdempotencyRepository } from '../store/idempotency.repository.js';
import { RepeatedRequests } from '../store/repeated-requests.repository.js';

const SWEEP_INTERVAL_MS = 600_000;
const HOUR_MS = 3_600_000;
/** SDKs give up well before this; a later repetition is a new wish. */
const RETRY_WINDOW_MS = 900_000;

/** Finds the generation that a request repeats, so that nothing is bought twice. */
@Injectable()
export class IdempotencyService {
  constructor(
    private readonly clock: Clock,
    private readonly repository: IdempotencyRepository,
    private readonly generations: GenerationsRepository,
    private readonly repeatedRequests: RepeatedRequests,
    @Inject(CONFIG) private readonly config: Config,
    periodic: PeriodicTasks,
  ) {
    periodic.add({
      name: 'generations.idempotency',
      intervalMs: SWEEP_INTERVAL_MS,
      run: () => repository.removeExpired(clock.nowMs()),
      failure: 'Expired idempotency keys could not be removed',
      logger: new Logger(IdempotencyService.name),
    });
  }

  /** @throws ApiError `idempotency_key_invalid` */
  describe(command: GenerationCommand): IdempotentAdmission {
    const key = command.idempotency?.key;
    return {
      fingerprint: fingerprintOf(command),
      expiresAtMs: this.clock.nowMs() + this.config.idempotency.retention_hours * HOUR_MS,
      ...(key === undefined ? {} : { key: checkIdempotencyKey(key) }),
    };
  }

  /**
   * The generation that this request repeats, or null when it is a new one.
   * @throws ApiError `idempotency_key_reused` when the key came with another request before
   */
  async earlier(command: GenerationCommand, admission: IdempotentAdmission): Promise<GenerationEntity | null> {
    const { principal, idempotency } = command;
    if (admission.key !== undefined) {
      const known = await this.repository.find(principal, admission.key, this.clock.nowMs());
      if (known === null) return null;
      if (known.fingerprint !== admission.fingerprint) {
        throw new ApiError(
          'idempotency_key_reused',
          'This Idempotency-Key was sent with another request before. Use a new key for a new request.',
          {
            param: 'idempotency-key',
            generationId: known.generationId,
          },
        );
      }
      return this.generations.findAny(known.generationId);
    }
    if (idempotency === undefined || (!idempotency.isRetry && !idempotency.guard)) return null;
    return this.repeated(command, admission.fingerprint);
  }

  /** Without a key, only what the client calls a retry, or what follows a connection that broke, is taken for the same wish. */
  private async repeated({ principal, idempotency }: GenerationCommand, fingerprint: string): Promise<GenerationEntity | null> {
    const now = this.clock.nowMs();
    const guardMs = this.config.idempotency.duplicate_guard_seconds * 1000;
    const isRetry = idempotency?.isRetry === true;
    const sinceMs = now - (isRetry ? RETRY_WINDOW_MS : guardMs);
    const { orgId, appId, keyId = null } = principal;
    const id = await this.repeatedRequests.latest({ orgId, appId, keyId, fingerprint, sinceMs }, { onlyBroken: !isRetry });
    const latest = id === null ? null : await this.generations.findAny(id);
    // What failed and cost nothing may be tried anew; a failure that may have cost something is answered again.
    if (latest === null || (latest.status === 'failed' && latest.holdState === 'released') || latest.status === 'cancelled') return null;
    return latest;
  }
}
