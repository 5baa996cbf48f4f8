import type { RawDelivery } from '@litegen/plugin-sdk';
import { Injectable, Logger } from '@nestjs/common';
import { ApiError, Clock } from '../common/index.js';
import { acceptsSignal } from './generations.machine.js';
import { GenerationsRepository } from './generations.repository.js';
import { LeaseKeeper } from './lease-keeper.service.js';
import { VendorCalls } from './vendor-calls.service.js';
import { Watcher } from './watcher.service.js';
import { Worker } from './worker.service.js';

/** Brings vendors' calls back to the same compare-and-set as polls (R15). */
@Injectable()
export class CallbacksService {
  private readonly logger = new Logger(CallbacksService.name);

  constructor(
    private readonly clock: Clock,
    private readonly repository: GenerationsRepository,
    private readonly leases: LeaseKeeper,
    private readonly calls: VendorCalls,
    private readonly watcher: Watcher,
    private readonly worker: Worker,
  ) {}

  /** @throws ApiError `not_found` for an unknown token, `forbidden` for a forged delivery, `not_ready` when the vendor should try again */
  async receive(token: string, delivery: RawDelivery): Promise<void> {
    const attempt = await this.repository.findAttemptByCallback(token);
    const generation = attempt === null ? null : await this.repository.findAny(attempt.generationId);
    if (attempt === null || generation === null) throw new ApiError('not_found', 'There is nothing to report on under this address.');
    if (generation.attemptId !== attempt.id || !acceptsSignal(generation.status)) {
      this.logger.log(`A late or repeated report on ${generation.id} changed nothing`);
      return;
    }
    if (attempt.state !== 'accepted') throw busy();
    const claimed = await this.repository.claimOne(generation.id, this.leases.owner, this.clock.nowMs(), this.leases.leaseUntilMs());
    // Somebody is at it right now, perhaps still storing the vendor's acceptance.
    if (claimed === null) throw busy();
    const { status } = claimed;
    if (!acceptsSignal(status)) throw busy();
    const lease = { id: claimed.id, token: claimed.leaseToken };
    let failure: ApiError | undefined;
    await this.worker.run(lease, claimed, async (signal) => {
      const held = { lease, generation: claimed, attempt };
      try {
        const prepared = await this.calls.prepare(held, signal);
        const result = await this.calls.readCallback(held, delivery, prepared);
        if (result !== null) return await this.watcher.apply(held, result.status, prepared, signal);
        failure = new ApiError('forbidden', 'The signature of this report does not hold.');
      } catch (error) {
        this.logger.warn(`A report on ${claimed.id} could not be read: ${String(error)}`);
        failure = new ApiError('not_ready', 'The report could not be verified; report again.', { retryAfterSeconds: 5, cause: error });
      }
      // As if nothing had been heard: neither a forger nor a mistake changes when the vendor is asked.
      await this.repository.release(lease, { status, nextRunAtMs: claimed.dueAt ?? this.clock.nowMs() }, this.clock.nowMs());
    });
    if (failure !== undefined) throw failure;
  }
}

function busy(): ApiError {
  return new ApiError('not_ready', 'The generation is being worked on; report again.', { retryAfterSeconds: 5 });
}
