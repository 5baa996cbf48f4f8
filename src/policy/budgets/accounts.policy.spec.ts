import { describe, expect, it } from 'vitest';
import { accountOfId, accountsOf } from './accounts.policy.js';
import type { BudgetLevel, BudgetPeriod } from './budget.types.js';

const NOW = Date.parse('2026-11-21T05:00:00Z');
const SPENDER = { orgId: 'org', appId: 'app', keyId: 'key-1', user: 'ann' };

function rule(id: string, level: BudgetLevel, subject: string | null, period: BudgetPeriod = 'none', limitMicros: number | null = 1) {
  return { id, level, subject, period, limitMicros };
}

const ids = (rules: ReturnType<typeof rule>[], spender = SPENDER) => accountsOf(rules, spender, NOW).map(({ budgetId }) => budgetId);

describe('accountsOf', () => {
  it('finds what concerns the spender, from the widest level to the narrowest', () => {
    const rules = [
      rule('u', 'user', 'ann'),
      rule('k', 'key', 'key-1'),
      rule('other-key', 'key', 'key-2'),
      rule('a', 'application', 'app'),
      rule('other-app', 'application', 'app-2'),
      rule('o', 'organization', 'org'),
    ];
    expect(ids(rules)).toEqual(['o', 'a', 'k', 'u']);
    expect(accountsOf(rules, { ...SPENDER, keyId: null, user: null }, NOW).map(({ budgetId }) => budgetId)).toEqual(['o', 'a']);
  });

  it('gives each subject its own account of a budget for all', () => {
    const rules = [rule('each', 'user', null, 'day')];
    const [ann] = accountsOf(rules, SPENDER, NOW);
    const [bob] = accountsOf(rules, { ...SPENDER, user: 'bob' }, NOW);
    expect(ann).toMatchObject({ subject: 'ann', periodStartMs: Date.parse('2026-11-21'), periodEndMs: Date.parse('2026-11-22') });
    expect(bob?.id).not.toBe(ann?.id);
    expect(accountsOf(rules, SPENDER, NOW + 86_400_000)[0]?.id).not.toBe(ann?.id);
  });

  it('lets a named budget take the place of the one for all, unless it only counts or has another period', () => {
    expect(ids([rule('each', 'user', null), rule('ann', 'user', 'ann')])).toEqual(['ann']);
    expect(ids([rule('each', 'user', null), rule('ann', 'user', 'ann')], { ...SPENDER, user: 'bob' })).toEqual(['each']);
    expect(ids([rule('each', 'key', null), rule('count', 'key', 'key-1', 'none', null)])).toEqual(['count', 'each']);
    expect(ids([rule('each', 'key', null, 'day'), rule('quota', 'key', 'key-1')])).toEqual(['each', 'quota']);
  });

  it('keeps ids short and apart, however long a user is, and they say what they are of', () => {
    const rules = [rule('each', 'user', null, 'day')];
    const [long] = accountsOf(rules, { ...SPENDER, user: 'a'.repeat(5000) }, NOW);
    const [longer] = accountsOf(rules, { ...SPENDER, user: 'a'.repeat(5001) }, NOW);
    expect(long?.id.length).toBeLessThan(200);
    expect(longer?.id).not.toBe(long?.id);
    const [dotted] = accountsOf(rules, { ...SPENDER, user: 'ann.b@example.com' }, NOW);
    expect(accountOfId(dotted?.id ?? '')).toEqual({ subject: 'ann.b@example.com', periodStartMs: Date.parse('2026-11-21') });
  });
});
