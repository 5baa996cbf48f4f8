import { Injectable, Optional } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { KeyBudgetRepository } from '../budgets/index.js';
import { Database, GroupCommit, insertRows, rows } from '../database/index.js';
import { type AssetEntity, AssetsRepository } from '../storage/index.js';
import type { AttemptEntity } from './attempt.entity.js';
import { type AttemptEnd, endAttempt } from './attempt-end.repository.js';
import type { GenerationEntity } from './generation.entity.js';
import { ACTIVE_STATUSES, type Settlement } from './generation.types.js';
import { GenerationEvents } from './generation-events.port.js';
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
export type AdmissionResult = 'admitted' | 'quota_exceeded' | 'duplicate';

export interface End {
  readonly lease: Lease;
  readonly generation: GenerationEntity;
  readonly settlement: Settlement;
  readonly attempt?: AttemptEnd;
  readonly outputs: readonly AssetEntity[];
  readonly nowMs: number;
}

const ACTIVE = ACTIVE_STATUSES.map((status) => `'${status}'`).join(',');

/** The two transactions on which money depends: how a generation begins and how it ends. */
@Injectable()
export class LifecycleRepository {
  private readonly admissions = new GroupCommit<Admission, AdmissionResult>((items) =>
    this.database.transaction((manager) => this.insertAdmissions(manager, items)),
  );
  private readonly ends = new GroupCommit<End, boolean>((items) => this.database.transaction((manager) => this.writeEnds(manager, items)));

  constructor(
    private readonly database: Database,
    private readonly budgets: KeyBudgetRepository,
    private readonly assets: AssetsRepository,
    private readonly idempotency: IdempotencyRepository,
    @Optional() private readonly events?: GenerationEvents,
  ) {}

  /** Row, hold, inputs and first attempt in one transaction, before any vendor byte (R1). */
  admit(admission: Admission): Promise<AdmissionResult> {
    return this.admissions.commit(admission);
  }

  /** The terminal state, its cost, its outputs and the key's balance in one transaction. False when the lease was lost or the end was already written. */
  settle(end: End): Promise<boolean> {
    return this.ends.commit(end);
  }

  private async insertAdmissions(manager: EntityManager, items: readonly Admission[]): Promise<AdmissionResult[]> {
    const results: AdmissionResult[] = [];
    const admitted: Admission[] = [];
    for (const item of items) {
      const result = await this.admitOne(manager, item);
      results.push(result);
      if (result === 'admitted') admitted.push(item);
    }
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

  /** A request that is refused for its price leaves its idempotency key unused. */
  private async admitOne(manager: EntityManager, { generation, idempotency }: Admission): Promise<AdmissionResult> {
    const { keyId, holdMicros, orgId, appId, id, createdAt } = generation;
    if (idempotency?.key !== undefined) {
      const { key, fingerprint, expiresAtMs } = idempotency;
      const claim = { orgId, appId, key, fingerprint, generationId: id, nowMs: createdAt, expiresAtMs };
      if (!(await this.idempotency.claim(manager, claim))) return 'duplicate';
    }
    if (keyId === null || holdMicros === 0 || (await this.budgets.hold(manager, keyId, holdMicros))) return 'admitted';
    if (idempotency?.key !== undefined) await this.idempotency.forget(manager, { orgId, appId }, idempotency.key);
    return 'quota_exceeded';
  }

  private async writeEnds(manager: EntityManager, items: readonly End[]): Promise<boolean[]> {
    const results: boolean[] = [];
    for (const item of items) results.push(await this.writeEnd(manager, item));
    const written = items.filter((_item, index) => results[index] === true);
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
    if (generation.keyId !== null && settlement.holdState !== 'held') {
      const cost = settlement.costMicros ?? 0;
      if (generation.holdMicros !== 0 || cost !== 0) await this.budgets.settle(manager, generation.keyId, generation.holdMicros, cost);
    }
    return true;
  }
}
