import { ApiError, formatUsd, microsToUsd } from '../../platform/common/index.js';
import type { BudgetLevel, Refusal } from './budget.types.js';

const MS_PER_SECOND = 1000;

const OWNERS: Readonly<Record<BudgetLevel, string>> = {
  organization: 'The organization',
  application: 'The application',
  key: 'This API key',
  user: 'The user of this request',
};

/** What a caller is told whose price does not fit. `Retry-After` is the true wait; official SDKs are told not to try again. */
export function quotaExceeded(refusal: Refusal, nowMs: number): ApiError {
  const { level, subject, period, limitMicros, remainingMicros, requiredMicros, resetsAtMs } = refusal;
  const resetsAt = resetsAtMs === null ? null : new Date(resetsAtMs).toISOString();
  const spent = `${OWNERS[level]} has ${formatUsd(remainingMicros)} USD left of ${formatUsd(limitMicros)}${period === 'none' ? '' : ` for this ${period}`}`;
  const until = resetsAt === null ? '' : ` The budget begins anew at ${resetsAt}.`;
  return new ApiError('quota_exceeded', `${spent}, and this request may cost ${formatUsd(requiredMicros)}.${until}`, {
    budget: {
      level,
      subject,
      period,
      limit_usd: microsToUsd(limitMicros),
      remaining_usd: microsToUsd(remainingMicros),
      required_usd: microsToUsd(requiredMicros),
      resets_at: resetsAt,
    },
    ...(resetsAtMs === null ? {} : { retryAfterSeconds: (resetsAtMs - nowMs) / MS_PER_SECOND }),
  });
}
