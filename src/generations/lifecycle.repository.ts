import { Injectable, Optional } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { type Account, BudgetDirectory, type HoldResult, Ledger, type Refusal, type SettleRequest } from '../budgets/index.js';
import type { CacheUse } from '../cache/index.js';
import type { Micros } from '../common/index.js';
import { Database, GroupCommit, insertRows, rows, type SqlRow } from '../database/index.js';
import { type CapacityLimit, CapacityLimits, type CapacityRefusal, type CapacityVerdict, capacityName } from '../limits/index.js';
import { type AssetEntity, AssetsRepository } from '../storage/index.js';
import type { AttemptEntity } from './attempt.entity.js';
import { type AttemptEnd, endAttempts } from './attempt-end.repository.js';
import { type AfterWait, CacheFlights, type Sleeper } from './cache-flights.repository.js';
import { asQueued, CapacityRepository } from './capacity.repository.js';
import type { GenerationEntity } from './generation.entity.js';
import { ACTIVE_STATUSES, type Settlement } from './generation.types.js';
import { GenerationEvents } from './generation-events.port.js';
import type { GenerationRecord } from './generation-signals.js';
import { causeOf, spenderOf } from './generation-spending.js';
import { attemptRow, endedRow, generationRow, json } from './generations.rows.js';
import type { IdempotentAdmission } from './idempotency.policy.js';
import { claimOf, IdempotencyRepository } from './idempotency.repository.js';
import { type Lease, leaseName } from './leases.repository.js';

export interface Admission {
  readonly generation: GenerationEntity;
  /** Present when this process calls the vendor at once. */
  readonly attempt?: AttemptEntity;
  readonly inputs: readonly AssetEntity[];
  readonly idempotency?: IdempotentAdmission;
  /** Whether it may wait where there is no room for it now. */
  readonly mayQueue: boolean;
  /** Present when another's result will do as well; the generation then has its cache key. */
  readonly cache?: CacheUse;
}

/** `duplicate`: another request with the same `Idempotency-Key` was first. */
export type AdmissionResult =
  /**
   * `remainingMicros`: the least that any budget has left; null: nothing is bounded. `waitsFor`: the name of the limit for which it waits;
   * null: it does not wait, or only until a process takes it up.
   */
  | { readonly kind: 'admitted'; readonly remainingMicros: Micros | null; readonly waitsFor: string | null }
  /** There is too much under way already; nothing was written. */
  | { readonly kind: 'over_capacity'; readonly refusal: CapacityRefusal }
  | { readonly kind: 'quota_exceeded'; readonly refusal: Refusal }
  | { readonly kind: 'duplicate' }
  /** It waits for the result of another and holds nothing; `generation` is as it was committed. */
  | { readonly kind: 'following'; readonly generation: GenerationEntity; readonly leaderId: string }
  /** Another has made this result already; nothing was written. */
  | { readonly kind: 'cached'; readonly generationId: string }
  /** Whom it would have followed was refused in the same moment; nothing was written. */
  | { readonly kind: 'again' };

export interface End {
  readonly lease: Lease;
  readonly generation: GenerationEntity;
  readonly settlement: Settlement;
  readonly attempt?: AttemptEnd;
  /** The vendor's job of that attempt. */
  readonly vendorJobId?: string | null;
  readonly outputs: readonly AssetEntity[];
  /** As they stand when they end with it. */
  readonly followers?: readonly GenerationRecord[];
  readonly nowMs: number;
}

/** A follower whose leader came to nothing. */
interface Wait {
  readonly lease: Lease;
  readonly generation: GenerationEntity;
  readonly nowMs: number;
}

/** `alone`: what it asks for is not kept any more. */
export type WaitOver = AfterWait | { readonly kind: 'quota_exceeded'; readonly refusal: Refusal };

/** With the accounts that it is charged to, which are looked up before the transaction begins; likewise with the limits that it falls under. */
type WithAccounts<T> = T & { readonly accounts: readonly Account[] };
type Counted<T> = WithAccounts<T> & { readonly limits: readonly CapacityLimit[] };

const DUPLICATE: AdmissionResult = { kind: 'duplicate' };

const ACTIVE = ACTIVE_STATUSES.map((status) => `'${status}'`).join(',');

/** The two transactions on which money depends: how a generation begins and how it ends. */
@Injectable()
export class LifecycleRepository {
  private readonly admissions = new GroupCommit<Counted<Admission>, AdmissionResult>((items) =>
    this.database.transaction((manager) => this.insertAdmissions(manager, items)),
  );
  private readonly ends = new GroupCommit<Counted<End>, readonly GenerationRecord[] | null>((items) =>
    this.database.transaction((manager) => this.writeEnds(manager, items)),
  );

  private readonly waits = new GroupCommit<WithAccounts<Wait>, WaitOver | null>((items) =>
    this.database.transaction((manager) => this.endWaits(manager, items)),
  );
  private readonly sleeps = new GroupCommit<Sleeper, void>((items) =>
    this.database.transaction(async (manager) => {
      await this.flights.sleep(manager, items);
      return items.map(() => undefined);
    }),
  );

  /** Holds of generations that this process admitted and has not let go of. */
  private readonly holds = new WeakMap<GenerationEntity, SettleRequest['hold']>();

  constructor(
    private readonly database: Database,
    private readonly ledger: Ledger,
    private readonly budgets: BudgetDirectory,
    private readonly assets: AssetsRepository,
    private readonly idempotency: IdempotencyRepository,
    private readonly flights: CacheFlights,
    private readonly limits: CapacityLimits,
    private readonly capacity: CapacityRepository,
    @Optional() private readonly events?: GenerationEvents,
  ) {}

  /** Row, holds, inputs and first attempt in one transaction, before any vendor byte (R1). */
  async admit(admission: Admission): Promise<AdmissionResult> {
    const { generation } = admission;
    const accounts = generation.holdMicros === 0 ? [] : await this.budgets.accountsOf(spenderOf(generation));
    const result = await this.admissions.commit({ ...admission, accounts, limits: await this.limits.of(generation) });
    if (result.kind === 'admitted' && accounts.length > 0) this.holds.set(generation, { accounts, amountMicros: generation.holdMicros });
    return result;
  }

  /**
   * The terminal state, its cost, its outputs and all balances in one transaction.
   * @returns the followers that ended with it; null when the lease was lost or the end was already written
   */
  async settle(end: End): Promise<readonly GenerationRecord[] | null> {
    const { generation, settlement, followers = [] } = end;
    const unforeseen = generation.holdMicros === 0 && (settlement.costMicros ?? 0) > 0;
    const accounts = unforeseen ? await this.budgets.accountsOf(spenderOf(generation)) : [];
    const limits = await Promise.all([generation, ...followers.map((follower) => follower.generation)].map((one) => this.limits.of(one)));
    return this.ends.commit({ ...end, accounts, limits: limits.flat() });
  }

  /**
   * Ends a wait that came to nothing: whom it followed failed. It leads now with money of its own, is to follow whoever was faster, or is
   * refused for its price. Null: the lease was lost, or it is to look again.
   */
  async goOn(lease: Lease, generation: GenerationEntity, nowMs: number): Promise<WaitOver | null> {
    return this.waits.commit({ lease, generation, nowMs, accounts: await this.budgets.accountsOf(spenderOf(generation)) });
  }

  /** Hands a follower back until its leader ends. */
  sleep(sleeper: Sleeper): Promise<void> {
    return this.sleeps.commit(sleeper);
  }

  private async endWaits(manager: EntityManager, items: readonly WithAccounts<Wait>[]): Promise<(WaitOver | null)[]> {
    const after = await this.flights.leave(
      manager,
      items.map(({ generation }) => generation),
    );
    const asking = items.filter(({ generation }) => after.get(generation)?.kind !== 'following');
    const holds = await this.ledger.hold(
      manager,
      asking.map(({ generation, accounts, nowMs }) => ({
        ...causeOf(generation, nowMs, null),
        amountMicros: generation.quote.ceilingMicros,
        accounts,
      })),
    );
    const results = new Map<Wait, WaitOver | null>();
    for (const [index, item] of asking.entries()) {
      const { lease, generation, nowMs } = item;
      const hold = holds[index];
      const next = after.get(generation);
      if (next === undefined || hold === undefined) continue;
      if (!hold.granted) {
        await this.flights.giveBack(manager, generation);
        results.set(item, { kind: 'quota_exceeded', refusal: hold.refusal });
        continue;
      }
      const cacheKey = next.kind === 'leads' ? generation.cacheKey : null;
      const changed = await this.flights.lead(manager, lease, { cacheKey, holdMicros: generation.quote.ceilingMicros, nowMs });
      // The hold and the lead are taken back with the transaction; the others of the batch are tried again.
      if (!changed) throw new LeaseWasLost(lease.id);
      results.set(item, next);
    }
    const refused = new Set([...results].flatMap(([{ generation }, result]) => (result?.kind === 'quota_exceeded' ? [generation.id] : [])));
    return items.map((item) => {
      const next = after.get(item.generation);
      if (next?.kind !== 'following') return results.get(item) ?? null;
      // Whom it was to follow was refused in the same moment: the lead is free again.
      return refused.has(next.leaderId) ? { kind: 'following', leaderId: item.generation.cachedFrom ?? next.leaderId } : next;
    });
  }

  /** With one statement for each kind of row. Each request is judged on its own, in their order. */
  private async insertAdmissions(manager: EntityManager, items: readonly Counted<Admission>[]): Promise<AdmissionResult[]> {
    await this.capacity.lock(
      manager,
      items.flatMap(({ limits }) => limits),
    );
    const claimed = await this.claim(manager, items);
    const flights = await this.flights.join(manager, [...claimed]);
    const asking = items.filter((item) => claimed.has(item) && !flights.has(item));
    const verdicts = await this.capacity.judge(manager, asking);
    const holds = await this.holdAll(
      manager,
      asking.filter((item) => item.accounts.length > 0 && verdicts.get(item)?.kind !== 'refuse'),
    );
    const refused = new Set(
      asking
        .filter((item) => verdicts.get(item)?.kind === 'refuse' || holds.get(item)?.granted === false)
        .map(({ generation }) => generation.id),
    );
    const results = items.map((item): AdmissionResult => {
      if (!claimed.has(item)) return DUPLICATE;
      const flight = flights.get(item);
      if (flight?.kind === 'following' && refused.has(flight.leaderId)) return { kind: 'again' };
      if (flight !== undefined) return flight;
      const verdict = verdicts.get(item);
      if (verdict?.kind === 'refuse') return { kind: 'over_capacity', refusal: verdict.refusal };
      const hold = holds.get(item) ?? { granted: true, remainingMicros: null };
      if (!hold.granted) return { kind: 'quota_exceeded', refusal: hold.refusal };
      return { kind: 'admitted', remainingMicros: hold.remainingMicros, waitsFor: waitsFor(verdict) };
    });
    const of = (...kinds: AdmissionResult['kind'][]) => items.filter((_item, index) => kinds.some((kind) => results[index]?.kind === kind));
    const admitted = of('admitted');
    const isStarted = (item: Counted<Admission>): boolean => waitsFor(verdicts.get(item)) === null;
    await insertRows(manager, 'generations', [
      ...admitted.map((item) => {
        const name = waitsFor(verdicts.get(item));
        return generationRow(name === null ? item.generation : asQueued(item.generation, name));
      }),
      ...results.filter((result) => result.kind === 'following').map(({ generation }) => generationRow(generation)),
    ]);
    await insertRows(
      manager,
      'attempts',
      admitted.filter(isStarted).flatMap(({ attempt }) => (attempt === undefined ? [] : [attemptRow(attempt)])),
    );
    await this.assets.insertMany(
      manager,
      of('admitted', 'following').flatMap(({ inputs }) => inputs),
    );
    // A request that is not written leaves its idempotency key unused, and one that is refused leads nobody.
    await this.idempotency.forget(manager, of('quota_exceeded', 'over_capacity', 'cached', 'again').flatMap(claimOf));
    for (const { generation, cache } of of('quota_exceeded', 'over_capacity'))
      if (cache !== undefined) await this.flights.withdraw(manager, generation);
    return results;
  }

  /** Those whose idempotency key was free, or that have none. */
  private async claim(manager: EntityManager, items: readonly Counted<Admission>[]): Promise<ReadonlySet<Admission>> {
    const taken = await this.idempotency.claim(manager, items.flatMap(claimOf));
    return new Set(items.filter(({ generation, idempotency }) => idempotency?.key === undefined || taken.has(generation.id)));
  }

  private async holdAll(manager: EntityManager, items: readonly Counted<Admission>[]): Promise<ReadonlyMap<Admission, HoldResult>> {
    const results = await this.ledger.hold(
      manager,
      items.map(({ generation, accounts }) => ({
        ...causeOf(generation, generation.createdAt, null),
        amountMicros: generation.holdMicros,
        accounts,
      })),
    );
    return new Map(results.flatMap((result, index) => (items[index] === undefined ? [] : [[items[index], result] as const])));
  }

  /** With one statement for each kind of row. */
  private async writeEnds(manager: EntityManager, items: readonly Counted<End>[]): Promise<(readonly GenerationRecord[] | null)[]> {
    const written = await this.endGenerations(manager, items);
    await endAttempts(
      manager,
      written.flatMap(({ attempt, nowMs }) => (attempt === undefined ? [] : [[attempt, nowMs] as const])),
    );
    const shared = await this.flights.end(
      manager,
      written.map((item) => ({ ...item, followers: item.followers ?? [] })),
    );
    await this.assets.insertMany(
      manager,
      [...written, ...shared].flatMap(({ outputs }) => outputs),
    );
    await this.ledger.settle(
      manager,
      written.filter(isMoneyMoved).map(({ generation, settlement, accounts, nowMs }) => ({
        ...causeOf(generation, nowMs, settlement.failure?.code ?? settlement.status),
        costMicros: settlement.costMicros ?? 0,
        hold: this.holds.get(generation),
        accounts,
      })),
    );
    await this.capacity.wake(
      manager,
      written.flatMap(({ limits }) => limits),
      Math.max(...written.map(({ nowMs }) => nowMs)),
    );
    await this.events?.ended(manager, [
      ...written.map(({ generation, settlement, outputs, vendorJobId, nowMs }) => ({
        generation: endedRow(generation, settlement, nowMs),
        outputs,
        vendorJobId,
      })),
      ...shared.map((record) => ({ ...record, vendorJobId: null })),
    ]);
    const counted = new Set(written);
    const among = new Set(shared);
    return items.map((item) => (counted.has(item) ? (item.followers ?? []).filter((follower) => among.has(follower)) : null));
  }

  /** Answers those that were written: under each lease the first, when the lease still holds and the generation has not ended. */
  private async endGenerations(manager: EntityManager, items: readonly Counted<End>[]): Promise<Counted<End>[]> {
    const firsts = new Map<string, Counted<End>>();
    for (const item of items) {
      const name = leaseName(item.lease);
      if (!firsts.has(name)) firsts.set(name, item);
    }
    const ended = await rows<Lease>(
      manager,
      `WITH :ended UPDATE generations SET status = ended.end_status, progress = CAST(ended.end_progress AS INTEGER),
         cost_micros = CAST(ended.cost AS BIGINT), cost_source = ended.source, usage = ended.end_usage, hold_state = ended.hold,
         error_code = ended.code, error_message = ended.message, error_details = ended.details, receipt = ended.end_receipt,
         lease_owner = NULL, next_run_at = NULL, completed_at = CAST(ended.at AS BIGINT), updated_at = CAST(ended.at AS BIGINT)
       FROM ended WHERE id = ended.generation_id AND lease_token = CAST(ended.token AS BIGINT) AND status IN (${ACTIVE})
       RETURNING id, lease_token AS token`,
      { ended: [...firsts.values()].map(endValues) },
    );
    return ended.flatMap((lease) => firsts.get(leaseName(lease)) ?? []);
  }
}

/** The name of the limit that has no room. */
function waitsFor(verdict: CapacityVerdict | undefined): string | null {
  return verdict?.kind === 'queue' && verdict.waitsFor !== undefined ? capacityName(verdict.waitsFor) : null;
}

function endValues({ lease, generation, settlement, nowMs }: End): SqlRow {
  return {
    generation_id: lease.id,
    token: lease.token,
    end_status: settlement.status,
    end_progress: settlement.status === 'completed' ? 100 : generation.progress,
    cost: settlement.costMicros,
    source: settlement.costSource,
    end_usage: json(settlement.usage),
    hold: settlement.holdState,
    code: settlement.failure?.code ?? null,
    message: settlement.failure?.message ?? null,
    details: json(settlement.failure?.details ?? null),
    end_receipt: json(generation.receipt),
    at: nowMs,
  };
}

class LeaseWasLost extends Error {
  constructor(id: string) {
    super(`The lease of ${id} was lost`);
  }
}

function isMoneyMoved({ generation, settlement }: End): boolean {
  return settlement.holdState !== 'held' && (generation.holdMicros !== 0 || (settlement.costMicros ?? 0) !== 0);
}
