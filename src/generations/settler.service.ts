import {
  type CallContext,
  type CallWarning,
  type Charged,
  type Finished,
  type Output,
  ProviderError,
  type VendorUsage,
} from '@litegen/plugin-sdk';
import { Injectable, Logger } from '@nestjs/common';
import { CatalogService } from '../catalog/index.js';
import { Clock, newId } from '../common/index.js';
import { CostsService } from '../costs/index.js';
import { Database } from '../database/index.js';
import { MetricsService } from '../metrics/index.js';
import { type AssetEntity, MediaProbe, type StoredBlob } from '../storage/index.js';
import type { AttemptEntity } from './attempt.entity.js';
import type { AttemptEnd } from './attempt-end.repository.js';
import { chargedForCancellation, chargedForFailure } from './charges.policy.js';
import { FollowersHere } from './followers-here.service.js';
import type { GenerationEntity } from './generation.entity.js';
import {
  type AttemptState,
  type GenerationFailure,
  type HoldState,
  isTerminal,
  type Settlement,
  SHARED,
  type StoredResult,
} from './generation.types.js';
import { outputsFor } from './generation-outputs.js';
import { type GenerationRecord, GenerationSignals } from './generation-signals.js';
import { backoffMs } from './generations.machine.js';
import { GenerationsRepository } from './generations.repository.js';
import { endedRow } from './generations.rows.js';
import { Lanes } from './lanes.service.js';
import { LeaseLost } from './lease-keeper.service.js';
import { type Lease, LeasesRepository } from './leases.repository.js';
import { LifecycleRepository } from './lifecycle.repository.js';
import { withWarnings } from './receipts.js';
import { VendorCalls } from './vendor-calls.service.js';

interface Delivered {
  readonly blob: StoredBlob;
  readonly output: Pick<Output, 'revisedPrompt'>;
}

/** A generation that this process holds. */
export interface Held {
  readonly lease: Lease;
  readonly generation: GenerationEntity;
  readonly attempt: AttemptEntity;
}

/** Writes ends: fetches what the vendor made, computes what it cost, and commits both with the terminal state. */
@Injectable()
export class Settler {
  private readonly logger = new Logger(Settler.name);

  constructor(
    private readonly clock: Clock,
    private readonly database: Database,
    private readonly lifecycle: LifecycleRepository,
    private readonly repository: GenerationsRepository,
    private readonly leases: LeasesRepository,
    private readonly lanes: Lanes,
    private readonly signals: GenerationSignals,
    private readonly here: FollowersHere,
    private readonly costs: CostsService,
    private readonly catalog: CatalogService,
    private readonly calls: VendorCalls,
    private readonly probe: MediaProbe,
    private readonly metrics: MetricsService,
  ) {}

  /** Never throws for a file that cannot be fetched: the vendor's answer is kept, and fetching is tried again until the deadline. */
  async complete(held: Held, finished: Finished, call: CallContext, warnings: readonly CallWarning[], signal: AbortSignal): Promise<void> {
    if (finished.outputs.length === 0) {
      await this.fail(held, noOutputs(), 'failed', 'unknown', warnings);
      return;
    }
    if (finished.outputs.some(({ media }) => media.kind === 'url')) {
      const kept = await this.repository.startIngesting(held.lease, held.attempt.id, withoutBytes(finished), this.clock.nowMs());
      if (!kept) return this.logLost(held);
      // What a synchronous vendor said is known here alone; a job's result can be had again.
      if (!this.lanes.move(held.generation.id, 'fetch', held.attempt.state !== 'accepted')) return this.fetchSoon(held);
    }
    const delivered: Delivered[] = [];
    try {
      for (const output of finished.outputs) {
        delivered.push({ blob: await this.calls.fetchOutput(held.generation.provider, output.media, call, signal), output });
      }
    } catch (error) {
      await this.fetchLater(held, finished, error, signal);
      return;
    }
    await this.deliver(held, delivered, finished.usage ?? null, finished.costUsd, warnings, finished.vendorRequestId);
  }

  /** Others of this vendor's files are being fetched; this process or another takes this one up when there is room. */
  private async fetchSoon({ lease }: Held): Promise<void> {
    const nowMs = this.clock.nowMs();
    await this.leases.release(lease, { status: 'ingesting', nextRunAtMs: nowMs }, nowMs);
  }

  /** The vendor did its work, so a failed download is never a reason to ask for the work again. */
  private async fetchLater(held: Held, finished: Finished, thrown: unknown, signal: AbortSignal): Promise<void> {
    if (signal.reason instanceof LeaseLost) return;
    const { generation, lease } = held;
    const nowMs = this.clock.nowMs();
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const expired = ProviderError.is(thrown) && thrown.code === 'output_expired';
    const repeatable = finished.outputs.every(({ media }) => media.kind !== 'bytes');
    if (expired || !repeatable || nowMs >= generation.deadlineAt) {
      const failure: GenerationFailure = {
        code: expired ? 'output_expired' : 'provider_invalid_response',
        message: `The vendor finished, but its file could not be fetched: ${message}`,
        details: { charged: 'yes' },
      };
      await this.fail(held, failure, 'failed', 'yes');
      return;
    }
    this.logger.warn(`A file of ${generation.id} could not be fetched and will be tried again: ${message}`);
    const delay = backoffMs(generation.pollCount + 1, Math.random(), ProviderError.is(thrown) ? thrown.retryAfterMs : undefined);
    await this.leases.release(
      lease,
      { status: 'ingesting', nextRunAtMs: Math.min(nowMs + delay, generation.deadlineAt), polled: true },
      nowMs,
    );
  }

  private async deliver(
    held: Held,
    delivered: readonly Delivered[],
    usage: VendorUsage | null,
    costUsd: string | undefined,
    warnings: readonly CallWarning[],
    vendorRequestId: string | undefined,
  ): Promise<void> {
    const { generation } = held;
    const outputs = await Promise.all(delivered.map((item, position) => this.outputAsset(generation, item, position)));
    const settlement = this.costs.settlement(
      {
        model: generation.model,
        operation: generation.operation,
        n: generation.request.n,
        params: generation.request.params,
        inputRoles: generation.request.inputRoles,
        extra: generation.request.extra,
      },
      { usage: usage ?? undefined, costUsd, outputs: outputs.length },
      generation.quote,
    );
    generation.receipt = withWarnings(generation, warnings);
    const written = await this.write(held, {
      settlement: {
        status: 'completed',
        costMicros: settlement.costMicros,
        costSource: settlement.source,
        holdState: 'settled',
        usage,
        failure: null,
      },
      attempt: { id: held.attempt.id, state: 'succeeded', charged: 'yes', warnings, vendorRequestId },
      outputs,
    });
    if (written) this.metrics.generationCost(generation, settlement.costMicros);
  }

  /** Writes a failure with what the vendor bills for it. */
  async fail(
    held: Held,
    failure: GenerationFailure,
    attemptState: AttemptState,
    charged: Charged,
    warnings: readonly CallWarning[] = [],
  ): Promise<void> {
    held.generation.receipt = withWarnings(held.generation, warnings);
    this.metrics.providerError(held.generation, failure.code);
    const billed = chargedForFailure(charged, failure.code, this.catalog.find(held.generation.model)?.charges);
    const told = { ...failure, details: { ...failure.details, charged: billed } };
    await this.write(held, {
      settlement: { status: 'failed', ...costOf(held.generation, billed), usage: null, failure: told },
      attempt: {
        id: held.attempt.id,
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
      attempt: { id: held.attempt.id, state: 'cancelled', charged: billed },
      outputs: [],
    });
  }

  /** An end with the files of another generation, which cost nothing. */
  async share(
    lease: Lease,
    generation: GenerationEntity,
    outputs: readonly AssetEntity[],
    warnings: readonly CallWarning[],
  ): Promise<void> {
    generation.receipt = withWarnings(generation, warnings);
    await this.write({ lease, generation }, { settlement: SHARED, outputs });
  }

  /** An end without any attempt: nobody was ever asked, so nothing is charged. */
  async endUntried(
    lease: Lease,
    generation: GenerationEntity,
    status: 'failed' | 'cancelled',
    failure: GenerationFailure | null,
  ): Promise<void> {
    await this.write({ lease, generation }, { settlement: { status, ...costOf(generation, 'no'), usage: null, failure }, outputs: [] });
  }

  private async write(
    held: Pick<Held, 'lease' | 'generation'> & Partial<Held>,
    end: { settlement: Settlement; attempt?: AttemptEnd; outputs: readonly AssetEntity[] },
  ): Promise<boolean> {
    const nowMs = this.clock.nowMs();
    const { generation, lease, attempt } = held;
    const vendorJobId = attempt?.vendorJobId;
    const followers = this.endingWith(generation, end, nowMs);
    const shared = await this.database.insist(
      async (isRepeated) =>
        (await this.lifecycle.settle({ lease, generation, vendorJobId, nowMs, followers, ...end })) ??
        (isRepeated && (await this.hasEnded(lease)) ? [] : null),
    );
    if (shared === null) {
      this.logLost(held);
      return false;
    }
    this.metrics.generationEnded(generation, end.settlement.status, nowMs - generation.createdAt);
    const record = { generation: endedRow(generation, end.settlement, nowMs), outputs: end.outputs };
    for (const follower of shared) {
      this.here.leave(generation.id, follower.generation.id);
      this.metrics.generationEnded(follower.generation, SHARED.status, nowMs - follower.generation.createdAt);
      this.signals.send(follower.generation.id, { type: 'ended', record: follower });
    }
    this.signals.send(generation.id, { type: 'ended', record });
    return true;
  }

  /** The followers here as they stand with its result. What a vendor's plugin adjusted goes into each one's own receipt, which takes its own way. */
  private endingWith(
    { id }: GenerationEntity,
    { settlement, attempt, outputs }: { settlement: Settlement; attempt?: AttemptEnd; outputs: readonly AssetEntity[] },
    nowMs: number,
  ): readonly GenerationRecord[] {
    if (settlement.status !== 'completed' || attempt === undefined || (attempt.warnings ?? []).length > 0) return [];
    return this.here.of(id).map((follower) => {
      const generation = endedRow(follower, SHARED, nowMs);
      return { generation, outputs: outputsFor(generation, outputs, nowMs) };
    });
  }

  /** Whether the end was committed after all when its answer got lost: under one lease there is one end. */
  private async hasEnded({ id, token }: Lease): Promise<boolean> {
    const found = await this.repository.findAny(id);
    return found !== null && found.leaseToken === token && isTerminal(found.status);
  }

  private async outputAsset(generation: GenerationEntity, { blob, output }: Delivered, position: number): Promise<AssetEntity> {
    const measured = generation.mediaType === 'video' ? await this.probe.video(blob) : undefined;
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

  /** Late and duplicate signals change nothing (R11), but are seen. */
  private logLost({ generation, lease }: Pick<Held, 'lease' | 'generation'>): void {
    this.logger.warn(`A write for ${generation.id} under lease ${lease.token} came too late and was refused`);
  }
}

/** `charged: unknown` keeps the hold: the money may be gone, and only the vendor's books can tell (R4). */
function costOf(
  generation: GenerationEntity,
  charged: Charged,
): { costMicros: number | null; costSource: string | null; holdState: HoldState } {
  if (charged === 'unknown') return { costMicros: null, costSource: null, holdState: generation.holdMicros === 0 ? 'released' : 'held' };
  if (charged === 'no') return { costMicros: 0, costSource: 'not_charged', holdState: 'released' };
  return { costMicros: generation.quote.amountMicros, costSource: 'catalog', holdState: 'settled' };
}

function noOutputs(): GenerationFailure {
  return {
    code: 'provider_invalid_response',
    message: 'The vendor reported success but delivered no media.',
    details: { charged: 'unknown' },
  };
}

function withoutBytes(finished: Finished): StoredResult {
  return {
    outputs: finished.outputs.map(({ media, revisedPrompt, seed }) => ({
      ...(media.kind === 'url' ? { url: media.url } : {}),
      ...(media.kind === 'litegen.stored-media'
        ? { stored: { sha256: media.sha256, bytes: media.bytes, contentType: media.contentType } }
        : {}),
      ...(revisedPrompt === undefined ? {} : { revisedPrompt }),
      ...(seed === undefined ? {} : { seed }),
    })),
    ...(finished.usage === undefined ? {} : { usage: finished.usage }),
    ...(finished.costUsd === undefined ? {} : { costUsd: finished.costUsd }),
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
