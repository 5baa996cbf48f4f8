import { createHash } from 'node:crypto';
import type { BudgetEntity } from './budget.entity.js';
import { type Account, BUDGET_LEVELS, type BudgetLevel, type Spender } from './budget.types.js';
import { periodAt } from './periods.policy.js';

type Rule = Pick<BudgetEntity, 'id' | 'level' | 'subject' | 'period' | 'limitMicros'>;

/** Callers choose the `user`, and an index does not take any length. Shorter than a digest, so that nobody can pose as one. */
const LONGEST_PLAIN_SUBJECT = 63;

/** Who the spender is at a level; null when the level does not concern it. */
export function subjectAt(level: BudgetLevel, spender: Spender): string | null {
  return { organization: spender.orgId, application: spender.appId, key: spender.keyId, user: spender.user }[level];
}

/**
 * The accounts that a request is counted on, widest level first. A budget without a subject gives every subject of its level an
 * account of its own; one that names a subject and has a limit takes its place for that subject and period.
 */
export function accountsOf(rules: readonly Rule[], spender: Spender, nowMs: number): Account[] {
  const concerned = rules.filter((rule) => {
    const subject = subjectAt(rule.level, spender);
    return subject !== null && (rule.subject === null || rule.subject === subject);
  });
  const replaced = (rule: Rule): boolean =>
    rule.subject === null &&
    concerned.some(
      ({ level, subject, period, limitMicros }) =>
        subject !== null && limitMicros !== null && level === rule.level && period === rule.period,
    );
  return concerned
    .filter((rule) => !replaced(rule))
    .map((rule) => account(rule, subjectAt(rule.level, spender) ?? '', nowMs))
    .sort((left, right) => BUDGET_LEVELS.indexOf(left.level) - BUDGET_LEVELS.indexOf(right.level) || compare(left.id, right.id));
}

export function account({ id, level, period }: Pick<Rule, 'id' | 'level' | 'period'>, subject: string, nowMs: number): Account {
  const { startMs, endMs } = periodAt(period, nowMs);
  const short = subject.length <= LONGEST_PLAIN_SUBJECT ? subject : createHash('sha256').update(subject).digest('hex');
  return { id: `${id}.${startMs}.${short}`, budgetId: id, level, subject, period, periodStartMs: startMs, periodEndMs: endMs };
}

/** What an account's id says about it; the subject is a digest when it is long. */
export function accountOfId(id: string): { readonly subject: string; readonly periodStartMs: number } {
  const [, start, ...subject] = id.split('.');
  return { subject: subject.join('.'), periodStartMs: Number(start) };
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
