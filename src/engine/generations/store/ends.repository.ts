import { Injectable, Logger, Optional } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AssetEntity } from '../../../domain/storage/index.js';
import { Database, dialectOf, GroupCommit, insertEntities, isUnavailable, rows, type SqlRow } from '../../../platform/database/index.js';
import { type Account, BudgetDirectory, Ledger, type SettleRequest } from '../../../policy/budgets/index.js';
import { type CapacityLimit, CapacityLimits } from '../../../policy/limits/index.js';
import type { Lease } from '../model/attempt.entity.js';
import type { GenerationRecord } from '../model/end.js';
import { type AttemptEnd, CARES, type End, type EndCare } from '../model/end.js';
import { causeOf, endedRow, type GenerationEntity, json, leads, spenderOf } from '../model/generation.entity.js';
import { type GenerationEnd, GenerationEvents } from '../model/generation-events.port.js';
import { TERMINAL_STATUSES } from '../model/transitions.js';
import { CapacityRepository } from './capacity.repository.js';
import { CoalescedRequestsRepository } from './coalesced-requests.repository.js';
import { type DeferrableStep, DeferredStepsRepository } from './deferred-steps.repository.js';
import { plainEnd } from './plain-ends.policy.js';
import { IS_ACTIVE, IS_OPEN, STATUS_OF_ATTEMPTS, statusMayBecome } from './status-conditions.js';

/** With what is looked up before the transaction begins. */
type Counted = End & {
  readonly accounts: readonly Account[];
  readonly limits: readonly CapacityLimit[];
  readonly hold: SettleRequest['hold'];
};

/**
 * `ended`: with the followers that ended with it · `attempt_ended`: only the attempt, because the generation goes on or had ended before ·
 * `lease_lost`: nothing was written.
 */
export type EndResult =
  | { readonly kind: 'ended'; readonly followers: readonly GenerationRecord[] }
  | { readonly kind: 'attempt_ended' | 'lease_lost' };

const MAY_END = statusMayBecome('ended.end_status', TERMINAL_STATUSES);

/** How a generation ends: the transaction on which money depends, and what stands beside it. */
@Injectable()
export class EndsRepository {
  private readonly logger = new Logger(EndsRepository.name);
  private readonly ends = new GroupCommit<Counted, EndResult>((items) => this.commitEnds(items));

  constructor(
    private readonly database: Database,
    private readonly ledger: Ledger,
    private readonly budgets: BudgetDirectory,
    private readonly coalesced: CoalescedRequestsRepository,
    private readonly limits: CapacityLimits,
    private readonly capacity: CapacityRepository,
    private readonly deferred: DeferredStepsRepository,
    @Optional() private readonly events?: GenerationEvents,
  ) {}

  /**
   * The terminal state, its cost, its outputs and all balances in one transaction.
   * @param hold what this process saw granted for it; undefined: the ledger's lines are asked
   */
  async settle(end: End, hold: SettleRequest['hold']): Promise<EndResult> {
    const { generation, settlement, followers = [] } = end;
    const unforeseen = generation.holdMicros === 0 && (settlement.costMicros ?? 0) > 0;
    const accounts = unforeseen ? await this.budgets.accountsOf(spenderOf(generation)) : [];
    const limits = await Promise.all([generation, ...followers.map((follower) => follower.generation)].map((one) => this.limitsOf(one)));
    return this.ends.commit({ ...end, hold, accounts, limits: limits.flat() });
  }

  /** For whom to wake, which stands beside an end: those who wait for room look for it by themselves as well. */
  private async limitsOf(generation: GenerationEntity): Promise<readonly CapacityLimit[]> {
    try {
      return await this.limits.of(generation);
    } catch (error) {
      this.logger.warn(`No waiting generation was woken by the end of ${generation.id}: its limits could not be read: ${String(error)}`);
      return [];
    }
  }

  /**
   * What fails beside an end never costs the end. So what failed is written again: alone, with what stands beside it set aside where that
   * fails, and at last as no more than what makes it an end.
   */
  private async commitEnds(items: readonly Counted[]): Promise<EndResult[]> {
    const care = items.reduce<EndCare>(
      (most, { care: wanted = 'usual' }) => (CARES.indexOf(wanted) > CARES.indexOf(most) ? wanted : most),
      'usual',
    );
    try {
      return await this.database.transaction((manager) => this.writeEnds(manager, items, care));
    } catch (error) {
      const next = CARES[CARES.indexOf(care) + 1];
      // The others of a batch are tried alone first.
      if (next === undefined || items.length > 1 || isUnavailable(error)) throw error;
      this.logger.error(`The end of ${items[0]?.generation.id} could not be written and is tried in another form: ${String(error)}`);
      return this.commitEnds(items.map((item) => ({ ...item, care: next })));
    }
  }

  /** With one statement for each kind of row. */
  private async writeEnds(manager: EntityManager, items: readonly Counted[], care: EndCare): Promise<EndResult[]> {
    const asWritten = care === 'usual' ? items : items.map((item) => plainEnd(item, care));
    const { ended, alone } = await this.endGenerations(manager, asWritten);
    const written = [...ended];
    await insertEntities(
      manager,
      AssetEntity,
      written.flatMap(({ outputs }) => outputs),
    );
    await this.ledger.settle(
      manager,
      written.filter(isMoneyMoved).map(({ lease, generation, settlement, accounts, hold, nowMs }) => ({
        ...causeOf(generation, lease.attemptId, nowMs, settlement.failure?.code ?? settlement.status),
        costMicros: settlement.costMicros ?? 0,
        hold,
        accounts,
      })),
    );
    const shared: GenerationRecord[] = [];
    // What follows stands beside the ends. What is written with care is written one after the other.
    for (const group of care === 'usual' ? [written] : written.map((item) => [item])) {
      shared.push(...(await this.writeBeside(manager, group, care)));
    }
    const among = new Set(shared);
    return items.map((item, index): EndResult => {
      const one = asWritten[index] as Counted;
      if (ended.has(one)) return { kind: 'ended', followers: (item.followers ?? []).filter((follower) => among.has(follower)) };
      return alone.has(one) ? { kind: 'attempt_ended' } : { kind: 'lease_lost' };
    });
  }

  private async writeBeside(manager: EntityManager, ended: readonly Counted[], care: EndCare): Promise<readonly GenerationRecord[]> {
    let shared: readonly GenerationRecord[] = [];
    const leaders = ended.filter(({ generation }) => leads(generation));
    if (leaders.length > 0)
      await this.beside(manager, care, 'cache', leaders, async () => {
        const followers = await this.coalesced.end(
          manager,
          leaders.map((item) => ({ ...item, followers: item.followers ?? [] })),
        );
        await insertEntities(
          manager,
          AssetEntity,
          followers.flatMap(({ outputs }) => outputs),
        );
        shared = followers;
      });
    const nowMs = Math.max(...ended.map((item) => item.nowMs));
    const limits = ended.flatMap((item) => item.limits);
    // Who waits for room looks for it by itself as well.
    if (limits.length > 0) await this.beside(manager, care, null, ended, () => this.capacity.wake(manager, limits, nowMs));
    const records: GenerationEnd[] = [
      ...ended.map(({ generation, settlement, outputs, vendorJobId, nowMs: completedAt }) => ({
        generation: endedRow(generation, settlement, completedAt),
        outputs,
        vendorJobId,
      })),
      ...shared.map((record) => ({ ...record, vendorJobId: null })),
    ];
    for (const group of care === 'usual' ? [records] : records.map((record) => [record])) {
      await this.beside(
        manager,
        care,
        'events',
        group.map(({ generation }) => ({ generation, nowMs })),
        async () => {
          const untold = (await this.events?.ended(manager, group)) ?? [];
          if (untold.length > 0) await this.defer(manager, 'events', untold, 'somebody could not be told', nowMs);
        },
      );
    }
    return shared;
  }

  /** @param step by which name it is done again; null: it need not be */
  private async beside(
    manager: EntityManager,
    care: EndCare,
    step: DeferrableStep | null,
    of: readonly { readonly generation: GenerationEntity; readonly nowMs: number }[],
    work: () => Promise<void>,
  ): Promise<void> {
    if (care === 'usual') return work();
    const [first] = of;
    if (first === undefined) return;
    const ids = of.map(({ generation }) => generation.id);
    const failure = care === 'bare' ? 'left out, so that the end can be written' : await this.database.attempt(manager, work);
    if (failure === undefined) return;
    if (care !== 'bare') this.logger.error(`${step ?? 'waking'} of ${ids.join(', ')} failed beside the end: ${String(failure)}`);
    if (step === null) return;
    const lost = await this.database.attempt(manager, () => this.defer(manager, step, ids, String(failure), first.nowMs));
    if (lost !== undefined) this.logger.error(`${step} of ${ids.join(', ')} cannot be retried: ${String(lost)}`);
  }

  private defer(manager: EntityManager, step: DeferrableStep, ids: readonly string[], error: string, nowMs: number): Promise<void> {
    return this.deferred.add(
      manager,
      ids.map((generationId) => ({ generationId, step })),
      error,
      nowMs,
    );
  }

  /**
   * Attempts first, each under its lease; then the generations that end with them. An attempt that failed while another one of the same
   * generation may still succeed ends alone, and so does one whose generation has ended already.
   */
  private async endGenerations(
    manager: EntityManager,
    items: readonly Counted[],
  ): Promise<{ readonly ended: ReadonlySet<Counted>; readonly alone: ReadonlySet<Counted> }> {
    await this.lockForFailures(manager, items);
    const attempts = await endAttempts(manager, items);
    if (attempts.length === 0) return { ended: new Set(), alone: new Set() };
    const decisive = decisiveOf(attempts);
    const written = await rows<{ id: string }>(
      manager,
      `WITH :ended UPDATE generations SET status = ended.end_status, progress = CAST(ended.end_progress AS INTEGER),
         cost_micros = CAST(ended.cost AS BIGINT), cost_source = ended.source, usage = ended.end_usage, hold_state = ended.hold,
         error_code = ended.code, error_message = ended.message, error_details = ended.details,
         receipt = COALESCE(ended.end_receipt, generations.receipt),
         completed_at = CAST(ended.at AS BIGINT), updated_at = CAST(ended.at AS BIGINT)
       FROM ended WHERE id = ended.generation_id AND ${MAY_END}
         AND (ended.end_status = 'completed' OR NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.generation_id = generations.id AND ${IS_OPEN}))
       RETURNING id`,
      { ended: [...decisive.values()].map(endValues) },
    );
    const ended = new Set(written.flatMap(({ id }) => decisive.get(id) ?? []));
    const alone = new Set(attempts.filter((item) => !ended.has(item)));
    await followAttempts(
      manager,
      [...alone].map(({ lease: { generationId }, nowMs }) => ({ generationId, nowMs })),
    );
    return { ended, alone };
  }

  /** Two attempts that fail at the same moment must see each other: the second one ends the generation. SQLite has one writer anyway. */
  private async lockForFailures(manager: EntityManager, items: readonly Counted[]): Promise<void> {
    if (dialectOf(manager) === 'sqlite') return;
    const ids = items.flatMap(({ settlement, lease }) => (settlement.status === 'completed' ? [] : [lease.generationId]));
    if (ids.length > 0) await rows(manager, 'SELECT id FROM generations WHERE id IN (:ids) ORDER BY id FOR UPDATE', { ids });
  }
}

/** Of the attempts of one generation that end together, the first that succeeded, else the first. */
function decisiveOf(attempts: readonly Counted[]): ReadonlyMap<string, Counted> {
  const decisive = new Map<string, Counted>();
  for (const item of attempts) {
    const known = decisive.get(item.lease.generationId);
    if (known === undefined || (known.settlement.status !== 'completed' && item.settlement.status === 'completed'))
      decisive.set(item.lease.generationId, item);
  }
  return decisive;
}

function endValues({ lease, generation, settlement, nowMs, withoutReceipt = false }: End): SqlRow {
  return {
    generation_id: lease.generationId,
    end_status: settlement.status,
    end_progress: settlement.status === 'completed' ? 100 : generation.progress,
    cost: settlement.costMicros,
    source: settlement.costSource,
    end_usage: json(settlement.usage),
    hold: settlement.holdState,
    code: settlement.failure?.code ?? null,
    message: settlement.failure?.message ?? null,
    details: json(settlement.failure?.details ?? null),
    end_receipt: withoutReceipt ? null : json(generation.receipt),
    at: nowMs,
  };
}

function isMoneyMoved({ generation, settlement }: End): boolean {
  return settlement.holdState !== 'held' && (generation.holdMicros !== 0 || (settlement.costMicros ?? 0) !== 0);
}

export interface EndedAttempt {
  readonly lease: Lease;
  readonly attempt: AttemptEnd;
  readonly nowMs: number;
}

export function leaseName({ attemptId, token }: Pick<Lease, 'attemptId' | 'token'>): string {
  return `${attemptId}/${token}`;
}

/** The first under each lease: what follows it was written too late. */
export function firstUnderEach<Item extends { readonly lease: Lease }>(items: readonly Item[]): ReadonlyMap<string, Item> {
  const firsts = new Map<string, Item>();
  for (const item of items) if (!firsts.has(leaseName(item.lease))) firsts.set(leaseName(item.lease), item);
  return firsts;
}

/** Inside the transaction that writes what follows from it. @returns those that were under their lease, and open */
export async function endAttempts<Item extends EndedAttempt>(manager: EntityManager, ends: readonly Item[]): Promise<Item[]> {
  if (ends.length === 0) return [];
  const firsts = firstUnderEach(ends);
  const ended = await rows<Pick<Lease, 'attemptId' | 'token'>>(
    manager,
    `WITH :ended UPDATE attempts SET state = ended.end_state, charged = ended.charged, error_code = ended.error_code,
       error_message = ended.error_message, vendor_code = ended.vendor_code, vendor_status = CAST(ended.vendor_status AS INTEGER),
       vendor_request_id = COALESCE(ended.vendor_request_id, attempts.vendor_request_id), warnings = ended.warnings,
       lease_owner = NULL, next_run_at = NULL, waits_for = NULL,
       finished_at = CAST(ended.finished_at AS BIGINT), updated_at = CAST(ended.finished_at AS BIGINT)
     FROM ended WHERE attempts.id = ended.attempt_id AND lease_token = CAST(ended.token AS BIGINT) AND ${IS_OPEN}
     RETURNING id AS "attemptId", lease_token AS token`,
    {
      ended: [...firsts.values()].map(({ lease, attempt, nowMs }) => ({
        attempt_id: lease.attemptId,
        token: lease.token,
        end_state: attempt.state,
        charged: attempt.charged,
        error_code: attempt.errorCode ?? null,
        error_message: attempt.errorMessage ?? null,
        vendor_code: attempt.vendorCode ?? null,
        vendor_status: attempt.vendorStatus ?? null,
        vendor_request_id: attempt.vendorRequestId ?? null,
        warnings: json(attempt.warnings ?? null),
        finished_at: nowMs,
      })),
    },
  );
  const written = new Set(ended.map(leaseName));
  return [...firsts].flatMap(([name, item]) => (written.has(name) ? [item] : []));
}

export interface Advance {
  readonly generationId: string;
  readonly nowMs: number;
  readonly progress?: number;
}

/** Lets generations follow their attempts, which were written in the same transaction. One that has ended stays as it is. */
export async function followAttempts(manager: EntityManager, advances: readonly Advance[]): Promise<void> {
  if (advances.length === 0) return;
  const latest = new Map<string, Advance>();
  for (const advance of advances) {
    const known = latest.get(advance.generationId)?.progress;
    latest.set(advance.generationId, known === undefined ? advance : { ...advance, progress: Math.max(known, advance.progress ?? 0) });
  }
  await rows(
    manager,
    `WITH :advanced UPDATE generations SET status = ${STATUS_OF_ATTEMPTS},
       progress = COALESCE(CAST(advanced.to_progress AS INTEGER), progress), updated_at = CAST(advanced.at AS BIGINT)
     FROM advanced WHERE id = advanced.generation_id AND ${IS_ACTIVE} RETURNING id`,
    {
      advanced: [...latest.values()].map(({ generationId, nowMs, progress }) => ({
        generation_id: generationId,
        at: nowMs,
        to_progress: progress ?? null,
      })),
    },
  );
}
