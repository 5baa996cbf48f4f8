import type { Micros } from '../../platform/common/index.js';
import type { Account, Balance, EntryKind, Place, Refusal } from './budget.types.js';

const FLOWS: Readonly<Record<Exclude<EntryKind, 'adjust'>, { readonly credit: Place; readonly debit: Place }>> = {
  hold: { credit: 'available', debit: 'held' },
  release: { credit: 'held', debit: 'available' },
  settle: { credit: 'held', debit: 'spent' },
  overrun: { credit: 'available', debit: 'spent' },
  refund: { credit: 'spent', debit: 'available' },
};

/** Money on its way between two places of one account. */
export interface Movement {
  readonly kind: Exclude<EntryKind, 'adjust'>;
  readonly credit: Place;
  readonly debit: Place;
  readonly amountMicros: Micros;
}

/** Nothing for an amount of 0. */
export function movement(kind: Movement['kind'], amountMicros: Micros): Movement[] {
  if (!Number.isSafeInteger(amountMicros) || amountMicros < 0) throw new RangeError(`${amountMicros} is no amount of micro-dollars`);
  return amountMicros === 0 ? [] : [{ kind, ...FLOWS[kind], amountMicros }];
}

/** How a hold ends: what the vendor bills is spent, the rest goes back. */
export function settlement(heldMicros: Micros, costMicros: Micros): Movement[] {
  const settled = Math.min(heldMicros, costMicros);
  return [...movement('settle', settled), ...movement('overrun', costMicros - settled), ...movement('release', heldMicros - settled)];
}

export function moved(balance: Balance, movements: readonly Movement[]): Balance {
  let { heldMicros, settledMicros } = balance;
  for (const { debit, credit, amountMicros } of movements) {
    heldMicros += (debit === 'held' ? amountMicros : 0) - (credit === 'held' ? amountMicros : 0);
    settledMicros += (debit === 'spent' ? amountMicros : 0) - (credit === 'spent' ? amountMicros : 0);
  }
  return { ...balance, heldMicros, settledMicros };
}

/** Null: no bound. Never below zero, though a vendor may have billed more than was held. */
export function remainingOf(balance: Pick<Balance, 'limitMicros' | 'heldMicros' | 'settledMicros'>): Micros | null {
  return balance.limitMicros === null ? null : Math.max(0, balance.limitMicros - balance.heldMicros - balance.settledMicros);
}

/** The least that is left on any of the accounts. */
export function leastRemaining(balances: readonly Parameters<typeof remainingOf>[0][]): Micros | null {
  const bounded = balances.map(remainingOf).filter((remaining) => remaining !== null);
  return bounded.length === 0 ? null : Math.min(...bounded);
}

/** The first account, from the widest level on, that cannot bear the amount. */
export function refusalOf(accounts: readonly Account[], balances: ReadonlyMap<string, Balance>, amountMicros: Micros): Refusal | null {
  for (const { id, level, subject, period, periodEndMs } of accounts) {
    const balance = balances.get(id);
    if (balance === undefined || balance.limitMicros === null) continue;
    if (balance.heldMicros + balance.settledMicros + amountMicros <= balance.limitMicros) continue;
    return {
      level,
      subject,
      period,
      requiredMicros: amountMicros,
      limitMicros: balance.limitMicros,
      remainingMicros: remainingOf(balance) ?? 0,
      resetsAtMs: periodEndMs,
    };
  }
  return null;
}
