import fc from 'fast-check';
import { expect } from 'vitest';
import type { HoldRequest, Spender } from '../../src/policy/budgets/index.js';
import { type Books, BUDGETS, expectSound, type Model, spenders } from './ledger-model.js';

type Command = fc.AsyncCommand<Model, Books>;

/** A process that dies takes its open transaction with it. */
class Crash extends Error {}

const DAY_MS = 86_400_000;
const amounts = fc.integer({ min: 1, max: 120 });
const indexes = fc.nat({ max: 50 });

abstract class LedgerCommand implements Command {
  abstract toString(): string;
  abstract act(model: Model, books: Books): Promise<void>;

  check(_model: Readonly<Model>): boolean {
    return true;
  }

  async run(model: Model, books: Books): Promise<void> {
    await this.act(model, books);
    await expectSound(model, books);
  }
}

interface Wish {
  readonly spender: Spender;
  readonly amount: number;
}

/** Several requests of one transaction; a crash happens when all is written but not committed. */
class Hold extends LedgerCommand {
  constructor(
    readonly wishes: readonly Wish[],
    readonly isCrash: boolean,
  ) {
    super();
  }

  async act(model: Model, books: Books): Promise<void> {
    const requests: HoldRequest[] = [];
    for (const { spender, amount } of this.wishes) requests.push(await books.holdRequest(`g-${model.nextId++}`, spender, amount));
    const working = books.database.transaction(async (manager) => {
      const results = await books.ledger.hold(manager, requests);
      if (this.isCrash) throw new Crash();
      return results;
    });
    if (this.isCrash) {
      await expect(working).rejects.toThrow(Crash);
      books.restart();
      return;
    }
    for (const [index, result] of (await working).entries()) {
      const { spender, amountMicros, generationId, accounts } = requests[index] as HoldRequest;
      const own = model.accountsFor(spender, books.clock.ms);
      expect(accounts.map(({ id }) => id)).toEqual(own);
      expect([generationId, result.granted]).toEqual([generationId, model.fits(own, amountMicros)]);
      if (result.granted) model.hold(generationId, spender, amountMicros, own);
      else expect(result.refusal.remainingMicros).toBeLessThan(amountMicros);
    }
  }

  toString(): string {
    return `hold(${this.wishes.map(({ spender, amount }) => `${spender.keyId}/${spender.user}:${amount}`).join(', ')}${this.isCrash ? ', crash' : ''})`;
  }
}

/** To any cost, also beyond what was held; then once more, which must be refused. */
class Settle extends LedgerCommand {
  constructor(
    readonly index: number,
    readonly cost: number,
    readonly isCrash: boolean,
  ) {
    super();
  }

  override check(model: Readonly<Model>): boolean {
    return model.pick(this.index, false) !== undefined;
  }

  async act(model: Model, books: Books): Promise<void> {
    const generation = model.pick(this.index, false);
    if (generation === undefined) return;
    const request = { ...books.cause(generation.id, generation.spender), costMicros: this.cost, accounts: [] };
    const settle = () =>
      books.database.transaction(async (manager) => {
        await books.ledger.settle(manager, [request]);
        if (this.isCrash) throw new Crash();
      });
    if (this.isCrash) {
      await expect(settle()).rejects.toThrow(Crash);
      books.restart();
      return;
    }
    await settle();
    model.settle(generation, this.cost);
    if (this.cost > 0) await expect(settle()).rejects.toThrow();
    else await settle();
  }

  toString(): string {
    return `settle(${this.index}, ${this.cost}${this.isCrash ? ', crash' : ''})`;
  }
}

/** Twice under one id, which counts once. */
class Refund extends LedgerCommand {
  constructor(
    readonly index: number,
    readonly amount: number,
  ) {
    super();
  }

  override check(model: Readonly<Model>): boolean {
    return model.pick(this.index, true) !== undefined;
  }

  async act(model: Model, books: Books): Promise<void> {
    const generation = model.pick(this.index, true);
    if (generation === undefined) return;
    const refundId = `r-${model.nextId++}`;
    const request = { ...books.cause(generation.id, generation.spender), refundId, amountMicros: this.amount };
    const refund = () => books.database.transaction((manager) => books.ledger.refund(manager, request));
    const left = generation.cost - generation.refunded;
    if (this.amount > left) {
      expect(await refund()).toEqual({ kind: 'too_much', refundableMicros: left });
      return;
    }
    expect(await refund()).toEqual({ kind: 'refunded', refundableMicros: left - this.amount });
    model.refund(generation, this.amount);
    expect(await refund()).toMatchObject({ kind: 'repeated', amountMicros: this.amount });
  }

  toString(): string {
    return `refund(${this.index}, ${this.amount})`;
  }
}

/** Many transactions at once: which of them are granted is open, but none may be granted too much. */
class Burst extends LedgerCommand {
  constructor(readonly wishes: readonly Wish[]) {
    super();
  }

  async act(model: Model, books: Books): Promise<void> {
    const settled = model.pick(0, false);
    const requests: HoldRequest[] = [];
    for (const { spender, amount } of this.wishes) requests.push(await books.holdRequest(`g-${model.nextId++}`, spender, amount));
    const holding = requests.map((request) => books.database.transaction((manager) => books.ledger.hold(manager, [request])));
    if (settled !== undefined) {
      const request = { ...books.cause(settled.id, settled.spender), costMicros: settled.amount, accounts: [] };
      await books.database.transaction((manager) => books.ledger.settle(manager, [request]));
      model.settle(settled, settled.amount);
    }
    const results = (await Promise.all(holding)).flat();
    for (const [index, result] of results.entries()) {
      const { spender, amountMicros, generationId } = requests[index] as HoldRequest;
      const own = model.accountsFor(spender, books.clock.ms);
      if (!result.granted) continue;
      expect([generationId, model.fits(own, amountMicros)]).toEqual([generationId, true]);
      model.hold(generationId, spender, amountMicros, own);
    }
  }

  toString(): string {
    return `burst(${this.wishes.length})`;
  }
}

class PassTime extends LedgerCommand {
  constructor(readonly days: number) {
    super();
  }

  async act(_model: Model, books: Books): Promise<void> {
    books.clock.ms += this.days * DAY_MS;
  }

  toString(): string {
    return `pass(${this.days} d)`;
  }
}

/** Counts at once, although processes remember budgets. */
class SetLimit extends LedgerCommand {
  constructor(
    readonly id: string,
    readonly limit: number,
  ) {
    super();
  }

  async act(model: Model, books: Books): Promise<void> {
    await books.setLimit(this.id, this.limit);
    model.limits.set(this.id, this.limit);
  }

  toString(): string {
    return `limit(${this.id}, ${this.limit})`;
  }
}

class Restart extends LedgerCommand {
  async act(_model: Model, books: Books): Promise<void> {
    books.restart();
  }

  toString(): string {
    return 'restart';
  }
}

const wishes = fc.record({ spender: spenders, amount: amounts });
const crashes = fc.boolean();

export const ledgerCommands = fc.commands<Model, Books, false>(
  [
    fc.tuple(fc.array(wishes, { minLength: 1, maxLength: 5 }), crashes).map(([list, crash]) => new Hold(list, crash)),
    fc.tuple(fc.array(wishes, { minLength: 1, maxLength: 5 })).map(([list]) => new Hold(list, false)),
    fc.tuple(indexes, fc.integer({ min: 0, max: 150 }), crashes).map(([index, cost, crash]) => new Settle(index, cost, crash)),
    fc.tuple(indexes, amounts).map(([index, amount]) => new Refund(index, amount)),
    fc.array(wishes, { minLength: 2, maxLength: 8 }).map((list) => new Burst(list)),
    fc.integer({ min: 1, max: 20 }).map((days) => new PassTime(days)),
    fc
      .tuple(fc.constantFrom(...BUDGETS.map(({ id }) => id)), fc.integer({ min: 0, max: 1500 }))
      .map(([id, limit]) => new SetLimit(id, limit)),
    fc.constant(new Restart()),
  ],
  { size: '+1', maxCommands: 40 },
);
