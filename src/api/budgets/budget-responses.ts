import { microsToUsd } from '../../platform/common/index.js';
import type { CountedBudget } from '../../policy/budgets/index.js';
import type { Budget } from './dto/budget.dto.js';

export function toBudget({ budget, period, balances }: CountedBudget): Budget {
  return {
    id: budget.id,
    level: budget.level,
    subject: budget.subject,
    period: budget.period,
    limit_usd: microsToUsd(budget.limitMicros ?? 0),
    period_start: period.endMs === null ? null : iso(period.startMs),
    resets_at: period.endMs === null ? null : iso(period.endMs),
    balances: balances.map(({ subject, heldMicros, settledMicros, remainingMicros }) => ({
      subject,
      held_usd: microsToUsd(heldMicros),
      settled_usd: microsToUsd(settledMicros),
      remaining_usd: microsToUsd(remainingMicros),
    })),
    created_at: iso(budget.createdAt),
    updated_at: iso(budget.updatedAt),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
