import { Injectable, Optional } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { type Account, BudgetDirectory, type HoldResult, Ledger, type Refusal } from '../budgets/index.js';
import type { Micros } from '../common/index.js';
import { Database, GroupCommit, insertRows, rows } from '../database/index.js';
import { type AssetEntity, AssetsRepository } from '../storage/index.js';
import type { AttemptEntity } from './attempt.entity.js';
import { type AttemptEnd, endAttempt } from './attempt-end.repository.js';
import type { GenerationEntity } from './generation.entity.js';
import { ACTIVE_STATUSES, type Settlement } from './generation.types.js';
import { GenerationEvents } from './generation-events.port.js';
import { causeOf, spenderOf } from './generation-spending.js';
import type { Lease } from './generations.repository.js';
import { attemptRow, endedRow, generationRow, json } from './generations.rows.js';
import type { IdempotentAdmission } from './idempotency.policy.js';
import { IdempotencyRepository } from './idempotency.repository.js';

export interface Admission {
  readonly generation: GenerationEntity;
  /** Present when this process calls the vendor at once. */
  readonly attempt?: AttemptEntity;
  readonly inputs: readonly AssetEntity[];
  readonly idempotency?: IdempotentAdmission;
}

/** `duplicate`: another request with the same `Idempotency-Key` was first. */
export type AdmissionResult =
  /** `remainingMicros`: the least that any budget has left; null: nothing is bounded. */
  | { readonly kind: 'admitted'; readonly remainingMicros: Micros | null }
  | { readonly kind: 'quota_exceeded'; readonly refusal: Refusal }
  | { readonly kind: 'duplicate' };

export interface End {
  readonly lease: Lease;
  readonly generation: GenerationEntity;
  readonly settlement: Settlement;
  readonly attempt?: AttemptEnd;
  readonly outputs: readonly AssetEntity[];
  readonly nowMs: number;
}

/** With the accounts that it is counted on, which are looked up before the transaction begins. */
type Counted<T> = T & { readonly accounts: readonly Account[] };

const DUPLICATE: AdmissionResult = { kind: 'duplicate' };

const ACTIVE = ACTIVE_STATUSES.map((status) => `'${status}'`).join(',');

/** The two transactions on which money depends: how a generation begins and how it ends. */
@Injectable()
export class LifecycleRepository {
  private readonly admissions = new GroupCommit<Counted<Admission>, AdmissionResult>((items) =>
    this.database.transaction((manager) => this.insertAdmissions(manager, items)),
  );
  private readonly ends = new GroupCommit<Counted<End>, boolean>((items) =>
    this.database.transaction((manager) => this.writeEnds(manager, items)),
  );

  constructor(
    private readonly database: Database,
    private readonly ledger: Ledger,
    private readonly budgets: BudgetDirectory,
    private readonly assets: AssetsRepository,
    private readonly idempotency: IdempotencyRepository,
    @Optional() private readonly events?: GenerationEvents,
  ) {}

  /** Row, holds, inputs and first attempt in one transaction, before any vendor byte (R1). */
  async admit(admission: Admission): Promise<AdmissionResult> {
    const { generation } = admission;
    const accounts = generation.holdMicros === 0 ? [] : await this.budgets.accountsOf(spenderOf(generation));
    return this.admissions.commit({ ...admission, accounts });
  }

  /** The terminal state, its cost, its outputs and all balances in one transaction. False when the lease was lost or the end was already written. */
  async settle(end: End): Promise<boolean> {
    const { generation, settlement } = end;
    const unforeseen = generation.holdMicros === 0 && (settlement.costMicros ?? 0) > 0;
    return this.ends.commit({ ...end, accounts: unforeseen ? await this.budgets.accountsOf(spenderOf(generation)) : [] });
  }

  private async insertAdmissions(manager: EntityManager, items: readonly Counted<Admission>[]): Promise<AdmissionResult[]> {
    const claimed = new Set<Admission>();
    for (const item of items) if (await this.claim(manager, item)) claimed.add(item);
    const holds = await this.holdAll(
      manager,
      items.filter((item) => claimed.has(item) && item.accounts.length > 0),
    );
    const results = items.map((item): AdmissionResult => {
      if (!claimed.has(item)) return DUPLICATE;
      const hold = holds.get(item) ?? { granted: true, remainingMicros: null };
      if (!hold.granted) return { kind: 'quota_exceeded', refusal: hold.refusal };
      return { kind: 'admitted', remainingMicros: hold.remainingMicros };
    });
    const admitted = items.filter((_item, index) => results[index]?.kind === 'admitted');
    for (const [index, item] of items.entries()) if (results[index]?.kind === 'quota_exceeded') await this.unclaim(manager, item);
    await insertRows(
      manager,
      'generations',
      admitted.map(({ generation }) => generationRow(generation)),
    );
    await insertRows(
      manager,
      'attempts',
      admitted.flatMap(({ attempt }) => (attempt === undefined ? [] : [attemptRow(attempt)])),
    );
    await this.assets.insertMany(
      manager,
      admitted.flatMap(({ inputs }) => inputs),
    );
    return results;
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

  private async claim(manager: EntityManager, { generation, idempotency }: Admission): Promise<boolean> {
    if (idempotency?.key === undefined) return true;
    const { orgId, appId, id, createdAt } = generation;
    const { key, fingerprint, expiresAtMs } = idempotency;
    return this.idempotency.claim(manager, { orgId, appId, key, fingerprint, generationId: id, nowMs: createdAt, expiresAtMs });
  }

  /** A request that is refused for its price leaves its idempotency key unused. */
  private async unclaim(manager: EntityManager, { generation, idempotency }: Admission): Promise<void> {
    if (idempotency?.key !== undefined) await this.idempotency.forget(manager, generation, idempotency.key);
  }

  private async writeEnds(manager: EntityManager, items: readonly Counted<End>[]): Promise<boolean[]> {
    const results: boolean[] = [];
    for (const item of items) results.push(await this.writeEnd(manager, item));
    const written = items.filter((_item, index) => results[index] === true);
    await this.ledger.settle(
      manager,
      written.filter(isMoneyMoved).map(({ generation, settlement, accounts, nowMs }) => ({
        ...causeOf(generation, nowMs, settlement.failure?.code ?? settlement.status),
        costMicros: settlement.costMicros ?? 0,
        accounts,
      })),
    );
    await this.events?.ended(
      manager,
      written.map(({ generation, settlement, outputs, nowMs }) => ({ generation: endedRow(generation, settlement, nowMs), outputs })),
    );
    return results;
  }

  private async writeEnd(manager: EntityManager, end: End): Promise<boolean> {
    const { settlement, generation, lease, nowMs } = end;
    const ended = await rows(
      manager,
      `UPDATE generations SET status = :status, progress = :progress, cost_micros = :cost, cost_source = :costSource, usage = :usage,
         hold_state = :holdState, error_code = :errorCode, error_message = :errorMessage, error_details = :errorDetails, receipt = :receipt,
         lease_owner = NULL, next_run_at = NULL, completed_at = :now, updated_at = :now
       WHERE id = :id AND lease_token = :token AND status IN (${ACTIVE}) RETURNING id`,
      {
        id: lease.id,
        token: lease.token,
        status: settlement.status,
        progress: settlement.status === 'completed' ? 100 : generation.progress,
        cost: settlement.costMicros,
        costSource: settlement.costSource,
        usage: json(settlement.usage),
        holdState: settlement.holdState,
        errorCode: settlement.failure?.code ?? null,
        errorMessage: settlement.failure?.message ?? null,
        errorDetails: json(settlement.failure?.details ?? null),
        receipt: json(generation.receipt),
        now: nowMs,
      },
    );
    if (ended.length === 0) return false;
    if (end.attempt !== undefined) await endAttempt(manager, end.attempt, nowMs);
    await this.assets.insertMany(manager, end.outputs);
    return true;
  }
}

function isMoneyMoved({ generation, settlement }: End): boolean {
  return settlement.holdState !== 'held' && (generation.holdMicros !== 0 || (settlement.costMicros ?? 0) !== 0);
}
