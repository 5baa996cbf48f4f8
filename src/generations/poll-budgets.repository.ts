import type { EntityManager } from 'typeorm';
import { dialectOf, insertRows, rows } from '../database/index.js';
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
 * of replicas keep to one budget; they take turns at the budget's row.
 */
export async function takeFromBudgets<Taken>(
  manager: EntityManager,
  budgets: readonly PollBudget[],
  order: { readonly nowMs: number; readonly limit: number; readonly take: (atMost: number) => Promise<Taken[]> },
): Promise<Taken[]> {
  const nowMicros = order.nowMs * MICROS_PER_MS;
  const freeAt = await lockBudgets(manager, budgets);
  const left = budgets.map(({ subject, perSecond }) => pollsLeft(perSecond, freeAt.get(subject) ?? 0, nowMicros));
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

/** Always in the same order, so that nobody waits for somebody who waits for him. */
async function lockBudgets(manager: EntityManager, budgets: readonly PollBudget[]): Promise<ReadonlyMap<string, number>> {
  const subjects = budgets.map(({ subject }) => subject).sort();
  const lock = dialectOf(manager) === 'postgres' ? 'FOR UPDATE' : '';
  const read = () =>
    rows<{ subject: string; free_at_micros: number }>(
      manager,
      `SELECT subject, free_at_micros FROM poll_budgets WHERE subject IN (:subjects) ORDER BY subject ${lock}`,
      { subjects },
    );
  let found = await read();
  if (found.length < subjects.length) {
    await insertRows(
      manager,
      'poll_budgets',
      subjects.map((subject) => ({ subject, free_at_micros: 0 })),
      'ON CONFLICT (subject) DO NOTHING',
    );
    found = await read();
  }
  return new Map(found.map(({ subject, free_at_micros: freeAtMicros }) => [subject, freeAtMicros]));
}
