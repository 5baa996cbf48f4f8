import type { EntityManager } from 'typeorm';
import { rows } from '../../../platform/database/index.js';
import type { AttemptEnd } from '../model/end.js';
import { json } from '../model/generations.rows.js';

/** Inside the transaction that writes what follows from it. */
export async function endAttempts(manager: EntityManager, ends: readonly (readonly [end: AttemptEnd, nowMs: number])[]): Promise<void> {
  if (ends.length === 0) return;
  await rows(
    manager,
    `WITH :ended UPDATE attempts SET state = ended.end_state, charged = ended.charged, error_code = ended.error_code,
       error_message = ended.error_message, vendor_code = ended.vendor_code, vendor_status = CAST(ended.vendor_status AS INTEGER),
       vendor_request_id = COALESCE(ended.vendor_request_id, attempts.vendor_request_id), warnings = ended.warnings,
       finished_at = CAST(ended.finished_at AS BIGINT)
     FROM ended WHERE attempts.id = ended.attempt_id`,
    {
      ended: ends.map(([end, nowMs]) => ({
        attempt_id: end.id,
        end_state: end.state,
        charged: end.charged,
        error_code: end.errorCode ?? null,
        error_message: end.errorMessage ?? null,
        vendor_code: end.vendorCode ?? null,
        vendor_status: end.vendorStatus ?? null,
        vendor_request_id: end.vendorRequestId ?? null,
        warnings: json(end.warnings ?? null),
        finished_at: nowMs,
      })),
    },
  );
}
