import type { EntityManager } from 'typeorm';
import { rows } from '../../../platform/database/index.js';
import type { Lease } from '../model/attempt.entity.js';
import type { AttemptEnd } from '../model/end.js';
import { json } from '../model/generation.entity.js';
import { IS_ACTIVE, IS_OPEN, STATUS_OF_ATTEMPTS } from './status-conditions.js';

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
