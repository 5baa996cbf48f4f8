import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger, Optional } from '@nestjs/common';
import { type Reach, wholeOf } from '../../domain/access/index.js';
import type { Model } from '../../domain/catalog/index.js';
import { type AssetEntity, AssetsRepository, StorageHealth } from '../../domain/storage/index.js';
import { ApiError, awayText, Clock, type Micros, unavailableCode } from '../../platform/common/index.js';
import { isUnavailable } from '../../platform/database/index.js';
import { MetricsService } from '../../platform/metrics/index.js';
import { Traced } from '../../platform/tracing/index.js';
import { BudgetDirectory, quotaExceeded } from '../../policy/budgets/index.js';
import { type CacheDecision, CacheService } from '../../policy/cache/index.js';
import { QuoteBook } from '../../policy/costs/index.js';
import { capacityError, GenerationRates } from '../../policy/limits/index.js';
import { AdmissionService } from './admit/admission.service.js';
import { IdempotencyService } from './admit/idempotency.service.js';
import { UnconfirmedAdmissions } from './admit/unconfirmed-admissions.service.js';
import { Dispatcher } from './execute/dispatcher.service.js';
import { Worker } from './execute/worker.service.js';
import { LeaseKeeper } from './leases/lease-keeper.service.js';
import { type AttemptEntity, begunAttempt, isBegun, leaseOf } from './model/attempt.entity.js';
import type { Candidate, Candidates } from './model/candidate.js';
import type { GenerationRecord } from './model/end.js';
import { asQueued, type GenerationEntity, spenderOf } from './model/generation.entity.js';
import { isTerminal } from './model/generation.types.js';
import { type GenerationCommand, type QuotableCommand } from './model/generation-command.js';
import { GenerationEvents } from './model/generation-events.port.js';
import type { Held } from './model/held.js';
import { TRANSITIONS } from './model/transitions.js';
import {
  GenerationSignals,
  LocalFollowers,
  type SignalListener,
  Waiters,
  type WaitResult,
  type WaitUntil,
} from './read/waiters.service.js';
import { type Asked, CachedAdmission, type CachedAdmissionResult, type Hit } from './share/cached-admission.service.js';
import { GenerationsRepository } from './store/generations.repository.js';
import { LeasesRepository } from './store/leases.repository.js';
import { type Admission, LifecycleRepository } from './store/lifecycle.repository.js';

/** How long, in all, a cancellation waits for a poll that is under way. */
const CANCEL_TRIES = 10;
const CANCEL_PAUSE_MS = 100;

export interface CreateOptions {
  /** What the caller waits for, and how long; absent: return as soon as the row is committed. */
  readonly wait?: { readonly until: WaitUntil; readonly timeoutMs: number };
  /** Hears what happens from the first moment on. Only work of this process is heard. */
  readonly onSignal?: SignalListener;
  /** Called when the row is committed, before anything is sent. */
  readonly onAdmitted?: (created: Created) => void;
  /** The generation goes on when it breaks. */
  readonly connection?: CallerConnection;
}

/** Calls back when the caller's connection breaks. */
export type CallerConnection = (onBroken: () => void) => void;

export interface Created extends GenerationRecord {
  /** The one that was taken. */
  readonly candidate: Candidate;
  /** The request repeats an earlier one, whose generation this is. */
  readonly isReplayed: boolean;
  /** As they stand, where this is known without a look: nobody waited for anything. In their order. */
  readonly attempts?: readonly AttemptEntity[];
  /** Absent: nobody asked for the cache, or this repeats an earlier request. */
  readonly cache?: CacheFacts;
  /** The least that any budget has left, US micro-dollars, without what this still holds or has cost; null: nothing is bounded. */
  readonly remainingMicros: Micros | null;
}

/** What the cache did for a request. `bypass`: the request wanted nothing of it. */
export interface CacheFacts {
  readonly status: 'hit' | 'miss' | 'bypass';
  /** How old the result is that was given again. */
  readonly ageMs?: number;
}

/** The engine as HTTP APIs see it. A caller that goes away changes nothing: the generation goes on and is found by its id. */
@Injectable()
export class GenerationsService {
  private readonly logger = new Logger(GenerationsService.name);

  constructor(
    private readonly clock: Clock,
    private readonly admission: AdmissionService,
    private readonly quotes: QuoteBook,
    private readonly cache: CacheService,
    private readonly cached: CachedAdmission,
    private readonly lifecycle: LifecycleRepository,
    private readonly idempotency: IdempotencyService,
    private readonly unconfirmed: UnconfirmedAdmissions,
    private readonly rates: GenerationRates,
    private readonly budgets: BudgetDirectory,
    private readonly repository: GenerationsRepository,
    private readonly claims: LeasesRepository,
    private readonly assets: AssetsRepository,
    private readonly dispatcher: Dispatcher,
    private readonly worker: Worker,
    private readonly leases: LeaseKeeper,
    private readonly waiters: Waiters,
    private readonly signals: GenerationSignals,
    private readonly here: LocalFollowers,
    private readonly metrics: MetricsService,
    private readonly storage: StorageHealth,
    @Optional() private readonly events?: GenerationEvents,
  ) {}

  /** The model that a caller means, may use and can reach. @throws ApiError */
  modelOf(named: Pick<GenerationCommand, 'model' | 'principal'>): Model {
    return this.admission.resolveModel(named);
  }

  /** @throws ApiError as {@link AdmissionService.resolveModelThat} */
  modelThat(can: (model: Model) => boolean, what: string, named: Pick<GenerationCommand, 'model' | 'principal'>): Model {
    return this.admission.resolveModelThat(can, what, named);
  }

  /** Validates and prices without doing anything. @throws ApiError */
  quote(command: QuotableCommand): Candidates {
    return this.admission.plan(command);
  }

  /**
   * Admits a generation and starts it. Answers what is known when `wait` is over: perhaps finished, perhaps not.
   * @throws ApiError when it was not admitted; then nothing was sent and nothing is held
   */
  @Traced('generation.create')
  async create(command: GenerationCommand, options: CreateOptions = {}): Promise<Created> {
    if (this.worker.isDraining) {
      throw new ApiError('shutting_down', 'This process is shutting down; send the request again.', { retryAfterSeconds: 1 });
    }
    const [priced] = this.admission.plan(command);
    const idempotency = this.idempotency.describe(command);
    const earlier = await this.idempotency.earlier(command, idempotency);
    if (earlier !== null) return this.attach(earlier, priced, options);
    await this.storage.assertAvailable();
    const candidate = command.quoteId === undefined ? priced : await this.asPromised(command, priced);
    if (command.webhook !== undefined) await this.events?.check(command.principal, command.webhook);
    await this.rates.take(candidate.model.id, candidate.model.provider);
    const { generation, inputs } = await this.admission.row(command, candidate);
    generation.fingerprint = idempotency.fingerprint;
    const caching = this.cache.decide(command.cache, command.principal, generation.model);
    const here = this.worker.hasRoom(generation.provider);
    const queued = this.dispatcher.newAttempt(generation, generation.createdAt);
    const attempt = here ? begunAttempt(queued, { owner: this.leases.owner, untilMs: this.leases.leaseUntilMs() }) : queued;
    if (here) Object.assign(generation, { status: TRANSITIONS.start.to, attemptCount: 1, startedAt: generation.createdAt });
    const mayQueue = options.wait === undefined || options.wait.until === 'accepted';
    const wanted = { generation, attempts: [attempt], inputs, idempotency, mayQueue };
    const admission = await this.admit(wanted, caching).catch((error: unknown) => {
      throw this.unconfirmed.refuse({ ...wanted, ...(caching.kind === 'use' ? { cache: caching } : {}) }, error);
    });
    if (admission.kind === 'duplicate') {
      const first = await this.idempotency.earlier(command, idempotency);
      if (first !== null) return this.attach(first, candidate, options);
      throw new ApiError('conflict', 'Another request with this Idempotency-Key is just being refused; send this one again.', {
        shouldRetry: true,
      });
    }
    if (admission.kind === 'over_capacity') {
      this.metrics.capacityRefused(admission.refusal.limit.scope, admission.refusal.what);
      throw capacityError(admission.refusal);
    }
    if (admission.kind === 'quota_exceeded') throw quotaExceeded(admission.refusal, generation.createdAt);
    return this.begin(wanted, admission, caching, candidate, options).catch((error: unknown) => {
      throw afterAdmission(error, generation.id, idempotency.key !== undefined);
    });
  }

  private async admit(wanted: Asked, caching: CacheDecision): Promise<CachedAdmissionResult> {
    if (caching.kind === 'use') return this.cached.admit(wanted, caching);
    const admission = await this.lifecycle.admitUncached(wanted);
    if (caching.kind === 'bypass') this.metrics.cacheRequest('bypass');
    return admission;
  }

  /** The least that any budget on which it is counted has left; null: nothing is bounded. */
  remainingFor(generation: GenerationEntity): Promise<Micros | null> {
    return this.budgets.remainingFor(spenderOf(generation));
  }

  /** What follows once the row is committed: the call to the vendor, and the wait for what comes of it. */
  private async begin(
    asked: Admission,
    admission: Extract<CachedAdmissionResult, { kind: 'hit' | 'following' | 'admitted' }>,
    caching: CacheDecision,
    candidate: Candidate,
    options: CreateOptions,
  ): Promise<Created> {
    if (admission.kind === 'hit') return this.giveAgain(admission, candidate, options);
    if (admission.kind === 'following') return this.follow(admission.generation, admission.leaderId, candidate, options);
    const { remainingMicros, waitsFor } = admission;
    const generation = waitsFor === null ? asked.generation : asQueued(asked.generation);
    const begun = waitsFor === null ? asked.attempts.filter(isBegun) : [];
    const cache = caching.kind === 'off' ? undefined : ({ status: caching.kind === 'bypass' ? 'bypass' : 'miss' } as const);
    options.onAdmitted?.({ generation, outputs: [], candidate, isReplayed: false, cache, remainingMicros });
    this.watchConnection(generation.id, options.connection);
    const stop = options.onSignal === undefined ? undefined : this.signals.listen(generation.id, options.onSignal);
    // Who waits for the vendor's word is told at once that the generation waits for its turn.
    const { wait } = options;
    const waiting = wait === undefined || waitsFor !== null ? undefined : this.waiters.wait(generation.id, wait.until, wait.timeoutMs);
    for (const attempt of begun) {
      const held = { lease: leaseOf(attempt), generation, attempt };
      void this.worker.run(held, 'submit', (signal) => this.dispatcher.dispatch(held, signal));
    }
    const result = await waiting;
    stop?.();
    const record = await this.recordAfter(generation, result);
    const attempts = waiting !== undefined ? undefined : begun;
    const left = remainingAfter(record.generation, remainingMicros);
    return { ...record, candidate, isReplayed: false, attempts, cache, remainingMicros: left };
  }

  /** It is complete already. */
  private async giveAgain({ generation, outputs, ageMs, remaining }: Hit, candidate: Candidate, options: CreateOptions): Promise<Created> {
    const remainingMicros = await remaining;
    const created: Created = { generation, outputs, candidate, isReplayed: false, cache: { status: 'hit', ageMs }, remainingMicros };
    options.onAdmitted?.(created);
    return created;
  }

  /** Another generation is making the result. Who only waits for the vendor's word waits for that of the other's. */
  private async follow(generation: GenerationEntity, leaderId: string, candidate: Candidate, options: CreateOptions): Promise<Created> {
    const { wait } = options;
    const remainingMicros = await this.remainingFor(generation);
    const created: Created = { generation, outputs: [], candidate, isReplayed: false, cache: { status: 'hit' }, remainingMicros };
    options.onAdmitted?.(created);
    this.watchConnection(generation.id, options.connection);
    if (wait === undefined) return created;
    // The end of the one makes due whom it did not end as well; this process need not wait for its next look at what is due.
    const stop = this.signals.listen(
      leaderId,
      ({ type }) => void (type === 'ended' && this.here.has(leaderId) && this.worker.hasRoom(generation.provider) && this.worker.wake()),
    );
    this.here.join(leaderId, generation);
    const result = await this.waiters.wait(wait.until === 'accepted' ? leaderId : generation.id, wait.until, wait.timeoutMs);
    stop();
    this.here.leave(leaderId, generation.id);
    const own = result.record?.generation.id === generation.id ? result.record : null;
    const record = own ?? (await this.find(wholeOf(generation), generation.id)) ?? created;
    // It followed to the end, and costs nothing; or it made the result itself, and paid.
    if (record.generation.cachedFrom !== null) return { ...created, ...record, cache: { status: 'hit', ageMs: 0 } };
    return { ...created, ...record, cache: { status: 'miss' }, remainingMicros: await this.remainingFor(generation) };
  }

  private async asPromised({ principal, quoteId }: GenerationCommand, candidate: Candidate): Promise<Candidate> {
    return quoteId === undefined ? candidate : { ...candidate, quote: await this.quotes.redeem(principal, quoteId, candidate.plan) };
  }

  /** Answers with a generation that runs or ran already. */
  private async attach(earlier: GenerationEntity, candidate: Candidate, options: CreateOptions): Promise<Created> {
    const remainingMicros = await this.remainingFor(earlier);
    options.onAdmitted?.({ generation: earlier, outputs: [], candidate, isReplayed: true, remainingMicros });
    this.watchConnection(earlier.id, options.connection);
    const { wait } = options;
    const reached =
      wait === undefined ||
      isTerminal(earlier.status) ||
      (wait.until === 'accepted' && (earlier.status === 'running' || earlier.cachedFrom !== null));
    const waiting = reached ? undefined : this.waiters.wait(earlier.id, wait.until, wait.timeoutMs);
    const before = await this.repository.findAny(earlier.id);
    // It may have ended between the look-up and the moment from which the wait hears of it.
    const result = before !== null && isTerminal(before.status) ? undefined : await waiting;
    const record = result?.record ?? (await this.withOutputs((await this.repository.findAny(earlier.id)) ?? earlier));
    return { ...record, candidate, isReplayed: true, remainingMicros };
  }

  private watchConnection(id: string, connection: CallerConnection | undefined): void {
    connection?.(() => {
      this.repository
        .noteClientGone(id, this.clock.nowMs())
        .catch((error: unknown) => this.logger.warn(`The broken connection of ${id} could not be recorded: ${String(error)}`));
    });
  }

  private async recordAfter(generation: GenerationEntity, result: WaitResult | undefined): Promise<GenerationRecord> {
    if (result?.record !== undefined) return result.record;
    if (result === undefined) return { generation, outputs: [] };
    return (await this.find(wholeOf(generation), generation.id)) ?? { generation, outputs: [] };
  }

  /** Null when there is no such generation within the reach. */
  async find(reach: Reach, id: string): Promise<GenerationRecord | null> {
    const generation = await this.repository.find(reach, id);
    return generation === null ? null : this.withOutputs(generation);
  }

  /** @throws ApiError `not_found` */
  async get(reach: Reach, id: string): Promise<GenerationRecord> {
    const record = await this.find(reach, id);
    if (record === null) throw new ApiError('not_found', `There is no generation ${id}.`, { param: 'id' });
    return record;
  }

  /** Waits until the end or until the time is over. @throws ApiError `not_found` */
  async waitFor(reach: Reach, id: string, timeoutMs: number): Promise<GenerationRecord> {
    const waiting = this.waiters.wait(id, 'ended', timeoutMs);
    const record = await this.get(reach, id);
    if (isTerminal(record.generation.status)) return record;
    const result = await waiting;
    return this.recordAfter(record.generation, result);
  }

  private async withOutputs(generation: GenerationEntity): Promise<GenerationRecord> {
    const assets = await this.assets.byGeneration([generation.id]);
    return { generation, outputs: outputsOf(assets) };
  }

  /**
   * Asks for an end. The status says what came of it: `cancelled` when the vendor confirmed or was never asked, otherwise the
   * generation goes on with `cancelRequestedAt` set, and is billed as the vendor bills.
   * @throws ApiError `not_found`, or `conflict` when it has ended
   */
  @Traced('generation.cancel')
  async cancel(reach: Reach, id: string): Promise<GenerationRecord> {
    const before = await this.get(reach, id);
    if (!(await this.repository.requestCancel(reach, id, this.clock.nowMs()))) {
      throw new ApiError('conflict', `The generation ${id} is already ${before.generation.status}.`, { generationId: id });
    }
    await Promise.all((await this.claimForCancel(reach, id)).map((held) => this.worker.carryClaimed(held)));
    return this.get(reach, id);
  }

  /** A running job may just be polled, which is over in a moment; a submission under way is not interrupted. */
  private async claimForCancel(reach: Reach, id: string): Promise<Held[]> {
    for (let tries = 0; tries < CANCEL_TRIES; tries += 1) {
      const claimed = await this.claims.claimAllOf(id, this.leases.owner, this.clock.nowMs(), this.leases.leaseUntilMs());
      if (claimed.length > 0) return claimed;
      if ((await this.repository.find(reach, id))?.status !== 'running') return [];
      await delay(CANCEL_PAUSE_MS);
    }
    return [];
  }

  /** Hides a generation that has ended, and cancels it first when it has not. @throws ApiError `not_found`, `conflict` */
  async remove(reach: Reach, id: string): Promise<void> {
    const { generation } = await this.get(reach, id);
    const after = isTerminal(generation.status) ? generation : (await this.cancel(reach, id)).generation;
    if (!isTerminal(after.status)) {
      throw new ApiError('conflict', `The vendor still works on ${id} and did not confirm the cancellation; delete it when it has ended.`, {
        generationId: id,
        retryAfterSeconds: 5,
      });
    }
    await this.repository.hide(reach, id, this.clock.nowMs());
  }
}

/** Once a generation has ended, what it held beyond its cost is free again. */
function remainingAfter({ holdState, holdMicros, costMicros }: GenerationEntity, remainingMicros: Micros | null): Micros | null {
  if (remainingMicros === null || holdState === 'held') return remainingMicros;
  return Math.max(0, remainingMicros + holdMicros - (costMicros ?? 0));
}

function outputsOf(assets: readonly AssetEntity[]): AssetEntity[] {
  return assets.filter(({ direction }) => direction === 'output').sort((left, right) => left.position - right.position);
}

/** The vendor may be at work, so a repetition is only safe where it is recognised. */
function afterAdmission(error: unknown, generationId: string, isRecognised: boolean): unknown {
  if (!isUnavailable(error)) return error;
  return new ApiError(
    unavailableCode(error),
    `${awayText(error)} The request was admitted and goes on; look it up at /v1/generations/${generationId}.`,
    { generationId, shouldRetry: isRecognised, retryAfterSeconds: 2, cause: error },
  );
}
