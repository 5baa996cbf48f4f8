import type { EntityManager } from 'typeorm';
import { insertRows, rows, skipLocked } from '../../../platform/database/index.js';
import { freeAtAfter, pollsLeft } from './poll-budget.policy.js';

/** How often a vendor may be asked for the state of jobs, by all replicas together. */
export interface PollBudget {
  /** What is counted: an account, or all accounts of one vendor. */
  readonly subject: string;
  readonly perSecond: number;
}

const MICROS_PER_MS = 1000;

/**
 * Takes as many as every budget allows, and books what was taken, inside the caller's transaction. The database counts, so that any number
 * of replicas keep to one budget. A budget that another replica is just taking from counts as used up: nobody waits for a process that may
 * have been stopped in the middle, and the next look is a moment away.
 */
export async function takeFromBudgets<Taken>(
  manager: EntityManager,
  budgets: readonly PollBudget[],
  order: { readonly nowMs: number; readonly limit: number; readonly take: (atMost: number) => Promise<Taken[]> },
): Promise<Taken[]> {
  const nowMicros = order.nowMs * MICROS_PER_MS;
  const freeAt = await lockBudgets(manager, budgets);
  const left = budgets.map(({ subject, perSecond }) => {
    const freeAtMicros = freeAt.get(subject);
    return freeAtMicros === undefined ? 0 : pollsLeft(perSecond, freeAtMicros, nowMicros);
  });
  const granted = Math.min(order.limit, ...left);
  if (granted === 0) return [];
  const taken = await order.take(granted);
  if (taken.length === 0) return taken;
  for (const { subject, perSecond } of budgets) {
    const next = freeAtAfter(perSecond, freeAt.get(subject) ?? 0, nowMicros, taken.length);
    await rows(manager, 'UPDATE poll_budgets SET free_at_micros = :next WHERE subject = :subject RETURNING subject', { next, subject });
  }
  return taken;
}

/** Those that are free. */
async function lockBudgets(manager: EntityManager, budgets: readonly PollBudget[]): Promise<ReadonlyMap<string, number>> {
  const subjects = budgets.map(({ subject }) => subject);
  const free = () =>
    rows<{ subject: string; free_at_micros: number }>(
      manager,
      `SELECT subject, free_at_micros FROM poll_budgets WHERE subject IN (:subjects) ${skipLocked(manager)}`,
      { subjects },
    );
  let found = await free();
  if (found.length < subjects.length) {
    const news = subjects.map((subject) => ({ subject, free_at_micros: 0 }));
    const inserted = await insertRows(manager, 'poll_budgets', news, 'ON CONFLICT (subject) DO NOTHING RETURNING subject');
    if (inserted.length > 0) found = await free();
  }
  return new Map(found.map(({ subject, free_at_micros: freeAtMicros }) => [subject, freeAtMicros]));
}
