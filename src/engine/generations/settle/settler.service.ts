import { setTimeout as delay } from 'node:timers/promises';
import type { CallContext, CallWarning, Charged, Finished, Output, Withheld } from '@litegen/plugin-sdk';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { CatalogService, MODALITIES } from '../../../domain/catalog/index.js';
import type { OutputFailure } from '../../../domain/providers/index.js';
import { type AssetEntity, type MediaFacts, MediaProbe, type StoredBlob } from '../../../domain/storage/index.js';
import { Clock, newId } from '../../../platform/common/index.js';
import { CONFIG, type Config } from '../../../platform/config/index.js';
import { isAway } from '../../../platform/database/index.js';
import { MetricsService } from '../../../platform/metrics/index.js';
import { CostsService } from '../../../policy/costs/index.js';
import { LeaseLost } from '../leases/lease-keeper.service.js';
import { ProviderConcurrency } from '../leases/provider-concurrency.service.js';
import { hasJob } from '../model/attempt.entity.js';
import { type AttemptEnd, CARES, type End, type EndCare, type GenerationRecord } from '../model/end.js';
import { endedRow, type GenerationEntity, withWarnings } from '../model/generation.entity.js';
import { type AttemptOutcome, type GenerationFailure, SHARED, type StoredResult } from '../model/generation.types.js';
import { outputsFor } from '../model/generation-outputs.js';
import type { Held } from '../model/held.js';
import { GenerationSignals, LocalFollowers } from '../read/waiters.service.js';
import type { EndResult } from '../store/ends.repository.js';
import { GenerationsRepository } from '../store/generations.repository.js';
import { LeasesRepository } from '../store/leases.repository.js';
import { LifecycleRepository } from '../store/lifecycle.repository.js';
import { asOutputFailure, lostOutputs, mayFetchAgain, outputFailure } from '../vendor/fetching.policy.js';
import { backoffMs } from '../vendor/retry.policy.js';
import { acceptFinished, billedOf, distinctWarnings, mainReason, noOutputs, withoutBytes } from '../vendor/vendor-answers.js';
import { VendorCalls } from '../vendor/vendor-calls.service.js';
import { describeFailure } from '../vendor/vendor-failure.policy.js';
import { chargedForCancellation, chargedForFailure, costOf } from './charges.policy.js';

const FIRST_WRITE_PAUSE_MS = 100;
const LONGEST_WRITE_PAUSE_MS = 5_000;
/** One line in so many tries. */
const TRIES_PER_LINE = 10;
const AWAY_TRIES = 4;

/** This process stopped before the database took an end that it knew. It must not be taken for another one. */
export class EndNotWritten extends Error {
  constructor(status: string, cause: unknown) {
    super(`An end (${status}) could not be written before this process stopped`, { cause });
    this.name = 'EndNotWritten';
  }
}

/** Writes ends, however long that takes. */
@Injectable()
export class EndWriter {
  private readonly logger = new Logger(EndWriter.name);
  private isStopping = false;

  constructor(
    private readonly lifecycle: LifecycleRepository,
    private readonly generations: GenerationsRepository,
  ) {}

  /**
   * Tries until the end is written, in ever simpler forms: what is known here is known nowhere else. Only whoever took the generation over
   * has the last word, and the end of this process.
   */
  async persist(end: Omit<End, 'care'>): Promise<EndResult> {
    const { generationId: id } = end.lease;
    let care: EndCare = 'usual';
    for (let tries = 0; ; tries += 1) {
      try {
        const result = await this.lifecycle.settle({ ...end, care });
        const wasWritten = result.kind === 'lease_lost' && tries > 0 && (await this.generations.isEndedUnder(end.lease));
        return wasWritten ? { kind: 'ended', followers: [] } : result;
      } catch (error) {
        if (this.isStopping) {
          this.logger.error(
            `The end of ${id} (${end.settlement.status}) could not be written before this process stopped: ${String(error)}`,
          );
          throw new EndNotWritten(end.settlement.status, error);
        }
        // When nobody answers, a simpler form is no better, unless it is one of its statements that takes too long.
        if (!isAway(error) || tries % AWAY_TRIES === AWAY_TRIES - 1) care = CARES[CARES.indexOf(care) + 1] ?? care;
        const pauseMs = Math.min(LONGEST_WRITE_PAUSE_MS, FIRST_WRITE_PAUSE_MS * 2 ** tries) * (0.5 + Math.random() / 2);
        if (tries % TRIES_PER_LINE === 0)
          this.logger.warn(`The end of ${id} (${end.settlement.status}) is not written yet: ${String(error)}`);
        await delay(pauseMs);
      }
    }
  }

  /** From now on, what cannot be written at once is not written at all: the process ends. */
  stop(): void {
    this.isStopping = true;
  }
}

/** Nobody was asked. */
const NOT_SENT = { state: 'not_sent', charged: 'no' } as const satisfies AttemptEnd;

type Ending = Pick<End, 'settlement' | 'attempt' | 'outputs'>;

interface Delivered {
  readonly blob: StoredBlob;
  readonly output: Pick<Output, 'revisedPrompt'>;
}

/** Writes ends: fetches what the vendor made, computes what it cost, and commits both with the terminal state. */
@Injectable()
export class Settler {
  private readonly logger = new Logger(Settler.name);

  constructor(
    private readonly clock: Clock,
    private readonly writer: EndWriter,
    private readonly repository: GenerationsRepository,
    private readonly leases: LeasesRepository,
    private readonly concurrency: ProviderConcurrency,
    private readonly signals: GenerationSignals,
    private readonly here: LocalFollowers,
    private readonly costs: CostsService,
    private readonly catalog: CatalogService,
    private readonly calls: VendorCalls,
    private readonly probe: MediaProbe,
    private readonly metrics: MetricsService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Never throws for a file that cannot be fetched: the vendor's answer is kept, and fetching is tried again until the deadline. */
  async complete(held: Held, answer: Finished, call: CallContext, told: readonly CallWarning[], signal: AbortSignal): Promise<void> {
    const { finished, warnings: missing } = acceptFinished(answer, held.generation.request.n);
    const warnings = distinctWarnings([...told, ...missing.map((warning) => this.calls.cleanWarning(warning))]);
    if (finished.outputs.length === 0) return this.failEmpty(held, finished, warnings);
    const fetches = held.attempt.result?.fetches ?? 0;
    if (finished.outputs.some(({ media }) => media.kind === 'url')) {
      // What a synchronous vendor said is known here alone; a job's result can be had again.
      const hasRoom = this.concurrency.move(held.attempt.id, 'fetch', !hasJob(held.attempt));
      const result = { ...withoutBytes(finished, warnings), fetches: fetches + (hasRoom ? 1 : 0) };
      if (!(await this.keep(held, result))) return this.logLost(held);
      if (!hasRoom) return this.fetchSoon(held);
    }
    const delivered: Delivered[] = [];
    const failures: OutputFailure[] = [];
    for (const output of finished.outputs) {
      try {
        delivered.push({ blob: await this.calls.fetchOutput(held.generation, output.media, call, signal), output });
      } catch (error) {
        const failure = asOutputFailure(error);
        failures.push(failure);
        if (failure.retry === 'until_deadline') break;
      }
    }
    if (failures.length === 0) return this.deliver(held, delivered, finished, warnings);
    if (signal.reason instanceof LeaseLost) return;
    const situation = {
      fetches: fetches + 1,
      graceMs: this.config.engine.result_grace_seconds * 1000,
      // A job can be asked again for its result.
      isRepeatable: hasJob(held.attempt) || finished.outputs.every(({ media }) => media.kind !== 'bytes'),
      isOver: this.clock.nowMs() >= held.generation.deadlineAt,
    };
    if (mayFetchAgain(failures, situation)) return this.fetchLater(held, failures, fetches + 1);
    await this.endWithout(held, delivered, finished, failures, warnings);
  }

  /** Where the files are, so that another process could fetch them. Without it this one still can. False: the lease was lost. */
  private async keep({ generation, lease }: Held, result: StoredResult): Promise<boolean> {
    try {
      return await this.repository.startIngesting(lease, result, this.clock.nowMs());
    } catch (error) {
      this.logger.error(`The links of ${generation.id} could not be stored, so only this process knows them: ${String(error)}`);
      return true;
    }
  }

  /** Success without media: refused for the vendor's reasons, if it gave any. */
  private async failEmpty(held: Held, { withheld = [] }: Finished, warnings: readonly CallWarning[]): Promise<void> {
    const reason = mainReason(withheld);
    if (reason === undefined) return this.fail(held, noOutputs(), 'failed', 'unknown', warnings);
    const { code, charged, message = 'The vendor delivered no media.', vendorCode } = reason;
    const failure = this.calls.cleanFailure({ code, charged, message, vendorCode });
    return this.fail(held, describeFailure(failure), 'failed', charged, warnings);
  }

  /** Others of this vendor's files are being fetched; this process or another takes this one up when there is room. */
  private async fetchSoon({ lease }: Held): Promise<void> {
    const nowMs = this.clock.nowMs();
    await this.leases.release(lease, { state: 'fetching', nextRunAtMs: nowMs }, nowMs);
  }

  /** The vendor did its work, so a failed download is never a reason to ask for the work again. */
  private async fetchLater({ generation, lease }: Held, missing: readonly OutputFailure[], fetches: number): Promise<void> {
    const nowMs = this.clock.nowMs();
    const wishMs = Math.max(0, ...missing.map(({ failure }) => failure.retryAfterMs ?? 0));
    this.logger.warn(`A file of ${generation.id} could not be fetched and will be tried again: ${missing[0]?.message}`);
    const delay = backoffMs(fetches, Math.random(), wishMs);
    await this.leases.release(
      lease,
      { state: 'fetching', nextRunAtMs: Math.min(nowMs + delay, generation.deadlineAt), polled: true },
      nowMs,
    );
  }

  /** What did come is delivered; where nothing came, the generation fails for the first file's reason. */
  private async endWithout(
    held: Held,
    delivered: readonly Delivered[],
    finished: Finished,
    missing: readonly OutputFailure[],
    warnings: readonly CallWarning[],
  ): Promise<void> {
    const [first] = missing as [OutputFailure, ...OutputFailure[]];
    if (delivered.length === 0) {
      const { failure } = first;
      await this.fail(held, outputFailure(failure), 'failed', failure.charged, warnings);
      return;
    }
    const lost = lostOutputs(missing, finished.outputs.length - delivered.length);
    const told = lost.map((one) =>
      this.calls.cleanWarning({ param: 'n', action: 'dropped', message: `${one.count} outputs could not be fetched: ${one.message}` }),
    );
    const withheld = [...(finished.withheld ?? []), ...lost];
    await this.deliver(held, delivered, { ...finished, withheld }, distinctWarnings([...warnings, ...told]));
  }

  private async deliver(held: Held, delivered: readonly Delivered[], finished: Finished, warnings: readonly CallWarning[]): Promise<void> {
    const { generation } = held;
    const { usage = null, costUsd, vendorRequestId } = finished;
    const outputs = await Promise.all(delivered.map((item, position) => this.outputAsset(generation, item, position)));
    const { model, operation, request } = generation;
    const { n, params, inputRoles, extra } = request;
    const cost = this.aside(generation, 'pricing', () =>
      this.costs.settlement(
        { model, operation, n, params, inputRoles, extra },
        { usage: usage ?? undefined, costUsd, outputs: outputs.length + this.billedFor(generation, finished.withheld ?? []) },
        generation.quote,
      ),
    );
    // What cannot be computed costs what was promised.
    const { costMicros, source } = cost ?? { costMicros: generation.quote?.amountMicros ?? generation.holdMicros, source: 'catalog' };
    this.note(generation, warnings);
    const written = await this.write(held, {
      settlement: { status: 'completed', costMicros, costSource: source, holdState: 'settled', usage, failure: null },
      attempt: { state: 'succeeded', charged: 'yes', warnings, vendorRequestId },
      outputs,
    });
    if (written) this.aside(generation, 'counting', () => this.metrics.generationCost(generation, costMicros));
  }

  /** k of n: what did not come costs what the vendor's rules say. */
  private billedFor({ model }: GenerationEntity, withheld: readonly Withheld[]): number {
    const rules = this.catalog.find(model)?.charges;
    return billedOf(withheld, (one) => chargedForFailure(one.charged, describeFailure({ ...one, message: '' }).code, rules));
  }

  /** Writes a failure with what the vendor bills for it. */
  async fail(
    held: Held,
    failure: GenerationFailure,
    attemptState: AttemptOutcome,
    charged: Charged,
    warnings: readonly CallWarning[] = [],
  ): Promise<void> {
    this.note(held.generation, warnings);
    this.aside(held.generation, 'counting', () => this.metrics.providerError(held.generation, failure.code));
    const billed = chargedForFailure(charged, failure.code, this.catalog.find(held.generation.model)?.charges);
    const told = { ...failure, details: { ...failure.details, charged: billed } };
    await this.write(held, {
      settlement: { status: 'failed', ...costOf(held.generation, billed), usage: null, failure: told },
      attempt: {
        state: attemptState === 'unknown' && billed !== 'unknown' ? 'failed' : attemptState,
        charged: billed,
        errorCode: failure.code,
        errorMessage: failure.message,
        vendorCode: text(failure.details['vendor_code']),
        vendorStatus: number(failure.details['vendor_status']),
        vendorRequestId: text(failure.details['vendor_request_id']),
        warnings,
      },
      outputs: [],
    });
  }

  /** @param otherwise what counts when neither the plugin nor the vendor's rules tell */
  async cancelled(held: Held, charged: Charged, otherwise?: Charged): Promise<void> {
    const billed = chargedForCancellation(charged, this.catalog.find(held.generation.model)?.charges, otherwise);
    await this.write(held, {
      settlement: { status: 'cancelled', ...costOf(held.generation, billed), usage: null, failure: null },
      attempt: { state: 'cancelled', charged: billed },
      outputs: [],
    });
  }

  /** An end with the files of another generation, which cost nothing. */
  async share(held: Held, outputs: readonly AssetEntity[], warnings: readonly CallWarning[]): Promise<void> {
    this.note(held.generation, warnings);
    await this.write(held, { settlement: SHARED, attempt: NOT_SENT, outputs });
  }

  /** An end before the attempt was begun: nobody was asked, so nothing is charged. */
  async endUntried(held: Held, status: 'failed' | 'cancelled', failure: GenerationFailure | null): Promise<void> {
    const settlement = { status, ...costOf(held.generation, 'no'), usage: null, failure };
    await this.write(held, { settlement, attempt: NOT_SENT, outputs: [] });
  }

  /** The end of an attempt whose generation ended with another one. What its vendor bills, if anything, is noted with the attempt. */
  async endOutlived(held: Held, state: AttemptOutcome, charged: Charged): Promise<void> {
    await this.write(held, {
      settlement: { status: 'cancelled', ...costOf(held.generation, 'no'), usage: null, failure: null },
      attempt: { state, charged },
      outputs: [],
    });
  }

  private async write(held: Held, end: Ending): Promise<boolean> {
    const nowMs = this.clock.nowMs();
    const { generation, lease, attempt } = held;
    const { vendorJobId } = attempt;
    const followers = this.endingWith(generation, end, nowMs);
    const result = await this.writer.persist({ lease, generation, vendorJobId, nowMs, followers, ...end });
    if (result.kind === 'lease_lost') this.logLost(held);
    if (result.kind !== 'ended') return false;
    const { followers: shared } = result;
    const record = { generation: endedRow(generation, end.settlement, nowMs), outputs: end.outputs };
    for (const follower of shared) {
      this.here.leave(generation.id, follower.generation.id);
      this.aside(generation, 'counting', () =>
        this.metrics.generationEnded(follower.generation, SHARED.status, nowMs - follower.generation.createdAt),
      );
      this.signals.send(follower.generation.id, { type: 'ended', record: follower });
    }
    this.aside(generation, 'counting', () => this.metrics.generationEnded(generation, end.settlement.status, nowMs - generation.createdAt));
    this.signals.send(generation.id, { type: 'ended', record });
    return true;
  }

  private note(generation: GenerationEntity, warnings: readonly CallWarning[]): void {
    generation.receipt = this.aside(generation, 'the receipt', () => withWarnings(generation, warnings)) ?? generation.receipt;
  }

  /** What is done beside an end costs it nothing. */
  private aside<T>({ id }: GenerationEntity, what: string, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.logger.error(
        `${what} for ${id} failed beside its end: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
      return undefined;
    }
  }

  /** The followers here as they stand with its result. What a vendor's plugin adjusted goes into each one's own receipt, which takes its own way. */
  private endingWith({ id }: GenerationEntity, { settlement, attempt, outputs }: Ending, nowMs: number): readonly GenerationRecord[] {
    if (settlement.status !== 'completed' || attempt.state === 'not_sent' || (attempt.warnings ?? []).length > 0) return [];
    return this.here.of(id).map((follower) => {
      const generation = endedRow(follower, SHARED, nowMs);
      return { generation, outputs: outputsFor(generation, outputs, nowMs) };
    });
  }

  private async outputAsset(generation: GenerationEntity, { blob, output }: Delivered, position: number): Promise<AssetEntity> {
    const measured = MODALITIES[generation.mediaType].files?.isMeasured === true ? await this.measure(generation, blob) : undefined;
    return {
      id: newId('asset'),
      orgId: generation.orgId,
      appId: generation.appId,
      generationId: generation.id,
      direction: 'output',
      position,
      role: null,
      sha256: blob.sha256,
      contentType: blob.contentType,
      bytes: blob.bytes,
      width: blob.width ?? measured?.width ?? null,
      height: blob.height ?? measured?.height ?? null,
      durationMs: measured?.durationMs ?? null,
      revisedPrompt: output.revisedPrompt ?? null,
      sourceUrl: null,
      createdAt: this.clock.nowMs(),
    };
  }

  private async measure({ id }: GenerationEntity, blob: StoredBlob): Promise<MediaFacts | undefined> {
    try {
      return await this.probe.video(blob);
    } catch (error) {
      this.logger.error(`A file of ${id} could not be measured: ${String(error)}`);
      return undefined;
    }
  }

  /** Late and duplicate signals change nothing, but are seen. */
  private logLost({ generation, lease }: Pick<Held, 'lease' | 'generation'>): void {
    this.logger.warn(`A write for ${generation.id} under lease ${lease.token} came too late and was refused`);
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
