import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AssetEntity } from '../../../domain/storage/index.js';
import type { Micros } from '../../../platform/common/index.js';
import { Database, GroupCommit, insertEntities } from '../../../platform/database/index.js';
import { type Account, BudgetDirectory, type HoldResult, Ledger, type Refusal, type SettleRequest } from '../../../policy/budgets/index.js';
import type { CacheUse } from '../../../policy/cache/index.js';
import {
  type CapacityLimit,
  CapacityLimits,
  type CapacityRefusal,
  type CapacityVerdict,
  capacityName,
} from '../../../policy/limits/index.js';
import { AttemptEntity, isBegun, type Lease } from '../model/attempt.entity.js';
import { type End } from '../model/end.js';
import { asQueued, causeOf, GenerationEntity, spenderOf } from '../model/generation.entity.js';
import type { IdempotentAdmission } from '../model/idempotency.policy.js';
import { CapacityRepository, waitingForRoom } from './capacity.repository.js';
import {
  CoalescedRequestsRepository,
  followingAttempt,
  type JoinOutcome,
  type Promotion,
  type WaitingFollower,
} from './coalesced-requests.repository.js';
import { type EndResult, EndsRepository } from './ends.repository.js';
import { claimOf, IdempotencyRepository } from './idempotency.repository.js';

export interface Admission {
  readonly generation: GenerationEntity;
  /** At least one. Those that this process sends at once are begun. */
  readonly attempts: readonly AttemptEntity[];
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

export type UncachedAdmissionResult = Exclude<AdmissionResult, { kind: 'cached' | 'again' }>;

/** A follower whose leader came to nothing. */
interface Wait {
  readonly lease: Lease;
  readonly generation: GenerationEntity;
  readonly nowMs: number;
}

/** `alone`: what it asks for is not kept any more. */
export type WaitOver = Promotion | { readonly kind: 'quota_exceeded'; readonly refusal: Refusal };

/** With the accounts that it is charged to, which are looked up before the transaction begins; likewise with the limits that it falls under. */
type WithAccounts<T> = T & { readonly accounts: readonly Account[] };
type Counted<T> = WithAccounts<T> & { readonly limits: readonly CapacityLimit[] };

const DUPLICATE: AdmissionResult = { kind: 'duplicate' };

/** The transaction with which a generation begins, and what happens to those who follow another. */
@Injectable()
export class LifecycleRepository {
  private readonly admissions = new GroupCommit<Counted<Admission>, AdmissionResult>((items) =>
    this.database.transaction((manager) => this.insertAdmissions(manager, items)),
  );

  private readonly waits = new GroupCommit<WithAccounts<Wait>, WaitOver | null>((items) =>
    this.database.transaction((manager) => this.endWaits(manager, items)),
  );
  private readonly newWaits = new GroupCommit<WaitingFollower, void>((items) =>
    this.database.transaction(async (manager) => {
      await this.coalesced.wait(manager, items);
      return items.map(() => undefined);
    }),
  );

  /** Holds of generations that this process admitted and has not let go of. */
  private readonly holds = new WeakMap<GenerationEntity, SettleRequest['hold']>();

  constructor(
    private readonly database: Database,
    private readonly ledger: Ledger,
    private readonly budgets: BudgetDirectory,
    private readonly idempotency: IdempotencyRepository,
    private readonly coalesced: CoalescedRequestsRepository,
    private readonly limits: CapacityLimits,
    private readonly capacity: CapacityRepository,
    private readonly ends: EndsRepository,
  ) {}

  /** Row, holds, inputs and first attempt in one transaction, before any vendor byte. */
  async admit(admission: Admission): Promise<AdmissionResult> {
    const { generation } = admission;
    const accounts = generation.holdMicros === 0 ? [] : await this.budgets.accountsOf(spenderOf(generation));
    const result = await this.admissions.commit({ ...admission, accounts, limits: await this.limits.of(generation) });
    if (result.kind === 'admitted' && accounts.length > 0) this.holds.set(generation, { accounts, amountMicros: generation.holdMicros });
    return result;
  }

  /** The same for a request that does not use the cache. */
  async admitUncached(admission: Omit<Admission, 'cache'>): Promise<UncachedAdmissionResult> {
    const result = await this.admit(admission);
    if (result.kind === 'cached' || result.kind === 'again') throw new Error('A request past the cache was answered by it');
    return result;
  }

  /** As {@link EndsRepository.settle}, with what is remembered of the hold. */
  settle(end: End): Promise<EndResult> {
    return this.ends.settle(end, this.holds.get(end.generation));
  }

  /**
   * Ends a wait that came to nothing: whom it followed failed. It leads now with money of its own, is to follow whoever was faster, or is
   * refused for its price. Null: the lease was lost, or it is to look again.
   */
  async promote(lease: Lease, generation: GenerationEntity, nowMs: number): Promise<WaitOver | null> {
    return this.waits.commit({ lease, generation, nowMs, accounts: await this.budgets.accountsOf(spenderOf(generation)) });
  }

  /** Lets a follower wait until its leader ends. */
  wait(follower: WaitingFollower): Promise<void> {
    return this.newWaits.commit(follower);
  }

  private async endWaits(manager: EntityManager, items: readonly WithAccounts<Wait>[]): Promise<(WaitOver | null)[]> {
    const after = await this.coalesced.promote(
      manager,
      items.map(({ generation }) => generation),
    );
    const asking = items.filter(({ generation }) => after.get(generation)?.kind !== 'following');
    const holds = await this.ledger.hold(
      manager,
      asking.map(({ lease, generation, accounts, nowMs }) => ({
        ...causeOf(generation, lease.attemptId, nowMs, null),
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
        await this.coalesced.release(manager, generation);
        results.set(item, { kind: 'quota_exceeded', refusal: hold.refusal });
        continue;
      }
      const cacheKey = next.kind === 'leads' ? generation.cacheKey : null;
      const changed = await this.coalesced.lead(manager, lease, { cacheKey, holdMicros: generation.quote.ceilingMicros, nowMs });
      // The hold and the lead are taken back with the transaction; the others of the batch are tried again.
      if (!changed) throw new LeaseWasLost(lease.generationId);
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
    const limits = items.flatMap((item) => item.limits);
    if (limits.length > 0) await this.capacity.lock(manager, limits);
    const claimed = await this.claim(manager, items);
    const cacheable = [...claimed].filter(({ cache }) => cache !== undefined);
    const joined = cacheable.length === 0 ? new Map<Admission, JoinOutcome>() : await this.coalesced.join(manager, cacheable);
    const asking = items.filter((item) => claimed.has(item) && !joined.has(item));
    const limited = asking.filter((item) => item.limits.length > 0);
    const verdicts = limited.length === 0 ? new Map<Admission, CapacityVerdict>() : await this.capacity.judge(manager, limited);
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
      const outcome = joined.get(item);
      if (outcome?.kind === 'following' && refused.has(outcome.leaderId)) return { kind: 'again' };
      if (outcome !== undefined) return outcome;
      const verdict = verdicts.get(item);
      if (verdict?.kind === 'refuse') return { kind: 'over_capacity', refusal: verdict.refusal };
      const hold = holds.get(item) ?? { granted: true, remainingMicros: null };
      if (!hold.granted) return { kind: 'quota_exceeded', refusal: hold.refusal };
      return { kind: 'admitted', remainingMicros: hold.remainingMicros, waitsFor: waitsFor(verdict) };
    });
    const of = (...kinds: AdmissionResult['kind'][]) => items.filter((_item, index) => kinds.some((kind) => results[index]?.kind === kind));
    const admitted = of('admitted');
    await insertEntities(manager, GenerationEntity, [
      ...admitted.map((item) => (waitsFor(verdicts.get(item)) === null ? item.generation : asQueued(item.generation))),
      ...results.filter((result) => result.kind === 'following').map(({ generation }) => generation),
    ]);
    await insertEntities(manager, AttemptEntity, [
      ...admitted.flatMap((item) => {
        const name = waitsFor(verdicts.get(item));
        return name === null ? item.attempts : item.attempts.map((attempt) => waitingForRoom(attempt, name));
      }),
      ...of('following').flatMap(({ attempts }) => attempts.map(followingAttempt)),
    ]);
    await insertEntities(
      manager,
      AssetEntity,
      of('admitted', 'following').flatMap(({ inputs }) => inputs),
    );
    // A request that is not written leaves its idempotency key unused, and one that is refused leads nobody.
    await this.idempotency.forget(manager, of('quota_exceeded', 'over_capacity', 'cached', 'again').flatMap(claimOf));
    for (const { generation, cache } of of('quota_exceeded', 'over_capacity'))
      if (cache !== undefined) await this.coalesced.withdraw(manager, generation);
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
      items.map(({ generation, attempts, accounts }) => ({
        ...causeOf(generation, attempts.find(isBegun)?.id ?? null, generation.createdAt, null),
        amountMicros: generation.holdMicros,
        accounts,
      })),
    );
    return new Map(results.flatMap((result, index) => (items[index] === undefined ? [] : [[items[index], result] as const])));
  }
}

/** The name of the limit that has no room. */
function waitsFor(verdict: CapacityVerdict | undefined): string | null {
  return verdict?.kind === 'queue' && verdict.waitsFor !== undefined ? capacityName(verdict.waitsFor) : null;
}

class LeaseWasLost extends Error {
  constructor(id: string) {
    super(`The lease of ${id} was lost`);
  }
}
