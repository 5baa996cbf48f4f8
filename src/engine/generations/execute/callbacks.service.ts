import { setTimeout as delay } from 'node:timers/promises';
import type { RawDelivery } from '@litegen/plugin-sdk';
import { Injectable, Logger } from '@nestjs/common';
import { ApiError, Clock } from '../../../platform/common/index.js';
import { LeaseKeeper, TimeLimit } from '../leases/lease-keeper.service.js';
import { type AttemptEntity, hasJob } from '../model/attempt.entity.js';
import type { GenerationEntity } from '../model/generation.entity.js';
import { acceptsSignal } from '../model/generation.types.js';
import type { Held } from '../model/held.js';
import { isActiveState } from '../model/transitions.js';
import { GenerationsRepository } from '../store/generations.repository.js';
import { LeasesRepository } from '../store/leases.repository.js';
import { VendorCalls } from '../vendor/vendor-calls.service.js';
import { PollPace } from './poll-pace.service.js';
import { Watcher } from './watcher.service.js';
import { Worker } from './worker.service.js';

/** How long, in all, a report waits for a poll that is under way. */
const TRIES = 10;
const PAUSE_MS = 200;
/** For a plugin to verify a report and to read it, milliseconds. */
const READ_TIMEOUT_MS = 15_000;
/** As they are given out; nothing else is worth a look. */
const TOKEN = /^[0-9a-f]{64}$/;

/** Brings vendors' callbacks to the same compare-and-set as polls. */
@Injectable()
export class CallbacksService {
  private readonly logger = new Logger(CallbacksService.name);

  constructor(
    private readonly clock: Clock,
    private readonly repository: GenerationsRepository,
    private readonly leases: LeasesRepository,
    private readonly keeper: LeaseKeeper,
    private readonly pace: PollPace,
    private readonly calls: VendorCalls,
    private readonly watcher: Watcher,
    private readonly worker: Worker,
  ) {}

  /**
   * Whether a report under this token is still of use; to be asked before any of it is read.
   * @throws ApiError `not_found` for an unknown token
   */
  async isExpected(token: string): Promise<boolean> {
    return (await this.find(token)).isOpen;
  }

  /** @throws ApiError `not_found` for an unknown token, `forbidden` for a forged delivery, `not_ready` when the vendor should try again */
  async receive(token: string, delivery: RawDelivery): Promise<void> {
    const claimed = await this.claim(token);
    if (claimed === null) return;
    const { lease, generation, attempt } = claimed;
    const { state } = attempt;
    if (!isActiveState(state)) throw busy();
    let failure: ApiError | undefined;
    await this.worker.run(claimed, 'fetch', async (signal) => {
      const limit = new TimeLimit(signal, READ_TIMEOUT_MS);
      try {
        const prepared = await this.calls.prepare(claimed, limit.signal);
        const result = await this.calls.readCallback(claimed, delivery, prepared);
        limit.end();
        if (result !== null) {
          await this.pace.calledBack(generation.provider);
          return await this.watcher.apply(claimed, result.status, prepared, signal);
        }
        failure = new ApiError('forbidden', 'The signature of this report does not hold.');
      } catch (error) {
        this.logger.warn(`A report on ${generation.id} could not be read: ${String(error)}`);
        failure = new ApiError('not_ready', 'The report could not be verified; report again.', { retryAfterSeconds: 5, cause: error });
      } finally {
        limit.end();
      }
      // As if nothing had been heard: neither a forger nor a mistake changes when the vendor is asked.
      await this.leases.release(lease, { state, nextRunAtMs: attempt.dueAt ?? this.clock.nowMs() }, this.clock.nowMs());
    });
    if (failure !== undefined) throw failure;
  }

  /**
   * The attempt that a report is on, for this process alone; null when it has ended. A poll that is under way is over in a moment, and
   * a vendor that is sent away may never come back.
   */
  private async claim(token: string): Promise<Held | null> {
    for (let tries = 1; ; tries += 1) {
      const { attempt, isOpen } = await this.find(token);
      if (!isOpen) return null;
      const nowMs = this.clock.nowMs();
      const claimed = hasJob(attempt) ? await this.leases.claimOne(attempt.id, this.keeper.owner, nowMs, this.keeper.leaseUntilMs()) : null;
      if (claimed !== null) return claimed;
      if (tries === TRIES) throw busy();
      await delay(PAUSE_MS);
    }
  }

  private async find(token: string): Promise<{ attempt: AttemptEntity; generation: GenerationEntity; isOpen: boolean }> {
    if (!TOKEN.test(token)) throw unknownToken();
    const attempt = await this.repository.findAttemptByCallback(token);
    const generation = attempt === null ? null : await this.repository.findAny(attempt.generationId);
    if (attempt === null || generation === null) throw unknownToken();
    const isOpen = isActiveState(attempt.state) && acceptsSignal(generation.status);
    if (!isOpen) this.logger.log(`A late or repeated report on ${generation.id} changed nothing`);
    return { attempt, generation, isOpen };
  }
}

function unknownToken(): ApiError {
  return new ApiError('not_found', 'There is nothing to report on under this address.');
}

function busy(): ApiError {
  return new ApiError('not_ready', 'The generation is being worked on; report again.', { retryAfterSeconds: 5 });
}
