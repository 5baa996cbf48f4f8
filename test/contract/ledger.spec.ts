import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Ledger1763710000000 } from '../../migrations/1763710000000-ledger.js';
import { MIGRATIONS } from '../../migrations/index.js';
import { DEFAULT_TENANT } from '../../src/domain/access/index.js';
import { configSchema } from '../../src/platform/config/index.js';
import { Database, openDataSources, rows } from '../../src/platform/database/index.js';
import { BudgetEntity } from '../../src/policy/budgets/index.js';
import { databases } from '../support/databases.js';
import { ledgerCommands } from './ledger-commands.js';
import { Books, BUDGETS, expectSound, Model } from './ledger-model.js';

const RUNS = { sqlite: 40, postgres: 15 } as const;

describe.each(databases())('the ledger on $name', ({ name, url }) => {
  let opened: Database[];
  const database = () => opened[0] as Database;

  beforeAll(async () => {
    const config = configSchema.parse({ database_url: url });
    // Each has its own connections, as processes do. SQLite has one process only.
    const sources = await Promise.all(
      Array.from({ length: name === 'sqlite' ? 1 : 3 }, () => openDataSources(config, [BudgetEntity], MIGRATIONS)),
    );
    opened = sources.map((source) => new Database(source));
    await database().migrate();
    return async () => {
      for (const one of opened) await one.close();
    };
  });

  /** Nothing but a migration can take lines out of the ledger. */
  async function startAgain(): Promise<void> {
    const source = (await openDataSources(configSchema.parse({ database_url: url }), [], MIGRATIONS)).writer;
    for (let index = MIGRATIONS.length; index > MIGRATIONS.indexOf(Ledger1763710000000); index -= 1) await source.undoLastMigration();
    await source.runMigrations();
    await source.destroy();
  }

  it('holds what it promises under any order of holds, ends, refunds, crashes and new limits', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(ledgerCommands, async (commands) => {
        await startAgain();
        const books = new Books(database());
        await books.setUp();
        await fc.asyncModelRun(() => ({ model: new Model(), real: books }), commands);
      }),
      { numRuns: RUNS[name] },
    );
  });

  it.each(['b-org', 'b-app', 'b-key-a', 'b-user'])('admits exactly 25 of 1,000 at once when %s has room for 25', async (tight) => {
    await startAgain();
    const replicas = opened.map((one) => new Books(one));
    await replicas[0]?.setUp();
    for (const { id } of BUDGETS) await replicas[0]?.setLimit(id, id === tight ? 1_000_000 : null);
    const spender = { ...DEFAULT_TENANT, keyId: 'key-a', user: 'ann' };
    const results = await Promise.all(
      Array.from({ length: 1000 }, async (_unused, index) => {
        const books = replicas[index % replicas.length] as Books;
        const request = await books.holdRequest(`g-${index}`, spender, 40_000);
        return books.database.transaction((manager) => books.ledger.hold(manager, [request]));
      }),
    );
    expect(results.flat().filter(({ granted }) => granted)).toHaveLength(25);
    const balances = await rows(database().manager, 'SELECT held_micros AS held FROM budget_balances');
    expect(balances).toEqual([{ held: 1_000_000 }, { held: 1_000_000 }, { held: 1_000_000 }, { held: 1_000_000 }]);
    expect(await replicas[0]?.reconciliation.differences()).toEqual([]);
  });

  it('takes nothing anywhere when one level refuses, and says which', async () => {
    await startAgain();
    const books = new Books(database());
    await books.setUp();
    const spender = { ...DEFAULT_TENANT, keyId: 'key-b', user: 'ann' };
    const request = await books.holdRequest('g-1', spender, 151);
    const [result] = await database().transaction((manager) => books.ledger.hold(manager, [request]));
    expect(result).toEqual({
      granted: false,
      refusal: {
        level: 'user',
        subject: 'ann',
        period: 'day',
        requiredMicros: 151,
        limitMicros: 150,
        remainingMicros: 150,
        resetsAtMs: books.clock.ms + 86_400_000,
      },
    });
    await expectSound(new Model(), books);
    expect(await books.directory.remainingFor(spender)).toBe(150);
    const [granted] = await database().transaction(async (manager) =>
      books.ledger.hold(manager, [await books.holdRequest('g-2', spender, 100)]),
    );
    expect(granted).toEqual({ granted: true, remainingMicros: 50 });
    expect(await books.directory.remainingFor(spender)).toBe(50);
    books.clock.ms += 86_400_000;
    expect(await books.directory.remainingFor(spender)).toBe(150);
  });

  it('never changes or loses a line', async () => {
    for (const statement of ['UPDATE ledger_entries SET amount_micros = 1', 'DELETE FROM ledger_entries']) {
      await expect(database().write((manager) => manager.query(statement))).rejects.toThrow('append-only');
    }
    if (name === 'postgres') {
      await expect(database().write((manager) => manager.query('TRUNCATE ledger_entries'))).rejects.toThrow('append-only');
    }
  });

  it('finds balances that somebody changed by hand, and sets them right with a line that says so', async () => {
    const books = new Books(database());
    await startAgain();
    await books.setUp();
    const spender = { ...DEFAULT_TENANT, keyId: 'key-a', user: null };
    await database().transaction(async (manager) => books.ledger.hold(manager, [await books.holdRequest('g-1', spender, 100)]));
    await database().write((manager) =>
      rows(manager, `UPDATE budget_balances SET held_micros = 70, settled_micros = 5 WHERE budget_id = 'b-key-a' RETURNING id`),
    );
    const wrong = {
      accountId: 'b-key-a.0.key-a',
      budgetId: 'b-key-a',
      held: { balanceMicros: 70, ledgerMicros: 100 },
      settled: { balanceMicros: 5, ledgerMicros: 0 },
    };
    expect(await books.reconciliation.differences()).toEqual([wrong]);
    expect(await books.reconciliation.repair(books.clock.ms)).toEqual([wrong]);
    expect(await books.reconciliation.differences()).toEqual([]);
    const lines = await rows(
      database().manager,
      `SELECT account_id AS account, amount_micros AS amount, reason FROM ledger_entries WHERE kind = 'adjust'`,
    );
    expect(lines).toEqual([{ account: 'b-key-a.0.key-a', amount: 35, reason: 'held 70 → 100, settled 5 → 0' }]);
    expect(await books.reconciliation.repair(books.clock.ms)).toEqual([]);
  });
});
