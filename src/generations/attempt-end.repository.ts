import type { EntityManager } from 'typeorm';
import { rows } from '../database/index.js';
import type { AttemptState } from './generation.types.js';
import { json } from './generations.rows.js';

export interface AttemptEnd {
  readonly id: string;
  readonly state: AttemptState;
  readonly charged: string | null;
  readonly errorCode?: string;
  readonly errorMessage?: string;
  readonly vendorCode?: string;
  readonly vendorStatus?: number;
  readonly vendorRequestId?: string;
  readonly warnings?: unknown;
}

/** Inside the transaction that writes what follows from it. */
export async function endAttempt(manager: EntityManager, end: AttemptEnd, nowMs: number): Promise<void> {
  await rows(
    manager,
    `UPDATE attempts SET state = :state, charged = :charged, error_code = :errorCode, error_message = :errorMessage, vendor_code = :vendorCode,
         vendor_status = :vendorStatus, vendor_request_id = COALESCE(:vendorRequestId, vendor_request_id), warnings = :warnings, finished_at = :now
       WHERE id = :id RETURNING id`,
    {
      id: end.id,
      state: end.state,
      charged: end.charged,
      errorCode: end.errorCode ?? null,
      errorMessage: end.errorMessage ?? null,
      vendorCode: end.vendorCode ?? null,
      vendorStatus: end.vendorStatus ?? null,
      vendorRequestId: end.vendorRequestId ?? null,
      warnings: json(end.warnings ?? null),
      now: nowMs,
    },
  );
}
