import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Account, Balance } from './budget.types.js';
import { leastRemaining, moved, movement, refusalOf, remainingOf, settlement } from './ledger.policy.js';

const balance = (change: Partial<Balance> = {}): Balance => ({
  accountId: 'a',
  budgetId: 'b',
  subject: 's',
  periodStartMs: 0,
  heldMicros: 0,
  settledMicros: 0,
  limitMicros: null,
  ...change,
});

describe('settlement', () => {
  it.each([
    [100, 100, [['settle', 100]]],
    [
      100,
      30,
      [
        ['settle', 30],
        ['release', 70],
      ],
    ],
    [100, 0, [['release', 100]]],
    [
      100,
      130,
      [
        ['settle', 100],
        ['overrun', 30],
      ],
    ],
    [0, 40, [['overrun', 40]]],
    [0, 0, []],
  ])('of %i held at a cost of %i', (held, cost, expected) => {
    expect(settlement(held, cost).map(({ kind, amountMicros }) => [kind, amountMicros])).toEqual(expected);
  });

  it('leaves nothing held, and spends the cost, whatever both were', () => {
    const micros = fc.integer({ min: 0, max: 2 ** 40 });
    fc.assert(
      fc.property(micros, micros, micros, (others, held, cost) => {
        const before = moved(balance({ heldMicros: others }), movement('hold', held));
        expect(moved(before, settlement(held, cost))).toMatchObject({ heldMicros: others, settledMicros: cost });
      }),
    );
  });

  it('takes whole micro-dollars only', () => {
    for (const amount of [-1, 0.5, Number.NaN, 2 ** 53]) expect(() => movement('hold', amount)).toThrow(RangeError);
  });
});

describe('what is left', () => {
  it('is never below zero, and unknown without a limit', () => {
    expect(remainingOf(balance({ limitMicros: 100, heldMicros: 30, settledMicros: 20 }))).toBe(50);
    expect(remainingOf(balance({ limitMicros: 100, settledMicros: 120 }))).toBe(0);
    expect(remainingOf(balance({ settledMicros: 120 }))).toBeNull();
  });

  it('of several budgets is that of the tightest', () => {
    expect(leastRemaining([balance(), balance({ limitMicros: 9 }), balance({ limitMicros: 7 })])).toBe(7);
    expect(leastRemaining([balance()])).toBeNull();
  });
});

describe('refusalOf', () => {
  const account = (id: string, level: Account['level']): Account => ({
    id,
    budgetId: id,
    level,
    subject: id,
    period: 'day',
    periodStartMs: 0,
    periodEndMs: 86_400_000,
  });
  const accounts = [account('org', 'organization'), account('key', 'key')];

  it('names the widest level that cannot bear the amount', () => {
    const balances = new Map([
      ['org', balance({ limitMicros: 100, settledMicros: 61 })],
      ['key', balance({ limitMicros: 40 })],
    ]);
    expect(refusalOf(accounts, balances, 39)).toBeNull();
    expect(refusalOf(accounts, balances, 40)).toEqual({
      level: 'organization',
      subject: 'org',
      period: 'day',
      requiredMicros: 40,
      limitMicros: 100,
      remainingMicros: 39,
      resetsAtMs: 86_400_000,
    });
    balances.set('org', balance({ settledMicros: 61 }));
    expect(refusalOf(accounts, balances, 40)).toBeNull();
    expect(refusalOf(accounts, balances, 41)).toMatchObject({ level: 'key', remainingMicros: 40 });
  });
});
