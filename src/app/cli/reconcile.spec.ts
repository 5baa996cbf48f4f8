import { beforeAll, describe, expect, it } from 'vitest';
import { MIGRATIONS } from '../../../migrations/index.js';
import { databases } from '../../../test/support/databases.js';
import { generationRow, seed } from '../../../test/support/generations.js';
import { addKey } from '../../../test/support/keys.js';
import { DEFAULT_TENANT } from '../../domain/access/index.js';
import { AssetEntity } from '../../domain/storage/index.js';
import { AttemptEntity, GenerationEntity } from '../../engine/generations/index.js';
import { Clock } from '../../platform/common/index.js';
import { configSchema } from '../../platform/config/index.js';
import { Database, openDataSources, rows } from '../../platform/database/index.js';
import { BudgetDirectory, BudgetEntity, BudgetsRepository, Ledger, LedgerRepository } from '../../policy/budgets/index.js';
import { reconcile } from './reconcile.js';

const SPENDER = { ...DEFAULT_TENANT, keyId: 'key-1', user: null };

describe.each(databases())('reconcile on $name', ({ url }) => {
  let database: Database;
  const generation = generationRow({ keyId: 'key-1', status: 'running', holdMicros: 50_000, holdState: 'held' });

  beforeAll(async () => {
    const config = configSchema.parse({ database_url: url });
    database = new Database(await openDataSources(config, [BudgetEntity, GenerationEntity, AttemptEntity, AssetEntity], MIGRATIONS));
    await database.migrate();
    await addKey(database, 'key-1', 1_000_000);
    await seed(database, { generations: [generation] });
    const ledger = new Ledger(new LedgerRepository());
    const accounts = await new BudgetDirectory(new BudgetsRepository(database), new Clock()).accountsOf(SPENDER);
    const cause = { generationId: generation.id, attemptId: null, spender: SPENDER, atMs: generation.createdAt, reason: null };
    await database.transaction((manager) => ledger.hold(manager, [{ ...cause, amountMicros: 50_000, accounts }]));
    return () => database.close();
  });

  async function run(repair?: boolean): Promise<{ out: string; code: number }> {
    let out = '';
    let code = 0;
    const terminal = { out: (text: string) => (out += text), error: () => undefined, exitCode: (value: number) => (code = value) };
    const loadConfig = () => ({ config: configSchema.parse({ database_url: url }), warnings: [] });
    await reconcile({ terminal, migrations: MIGRATIONS, loadConfig } as Parameters<typeof reconcile>[0], { repair });
    return { out, code };
  }

  const change = (statement: string) => database.write((manager) => rows(manager, `${statement} RETURNING id`));

  it('finds no difference where there is none', async () => {
    expect(await run()).toEqual({
      out:
        'generations cost 0: 0 counted in the ledger, of which 0 was given back, and 0 on no budget\n' +
        '1 balances computed from the ledger, no difference\n',
      code: 0,
    });
  });

  it('shows a balance that differs, and sets it right only when asked', async () => {
    await change('UPDATE budget_balances SET held_micros = 30000');
    const wrong = { out: expect.stringMatching(/^differs {2}budget-\S+key-1: held 0\.03, by the ledger 0\.05; settled 0, /), code: 1 };
    expect(await run()).toEqual(wrong);
    expect(await run()).toEqual(wrong);
    expect(await run(true)).toEqual({ out: expect.stringMatching(/^repaired /), code: 0 });
    expect((await run()).code).toBe(0);
  });

  it('shows a generation whose own record says something else', async () => {
    await change(`UPDATE generations SET hold_state = 'released', cost_micros = 0`);
    const { out, code } = await run(true);
    expect(out).toContain(`disagrees  ${generation.id} is released at 0 cost, but the ledger has 0.05 held and 0 spent`);
    expect(code).toBe(1);
  });

  it('adds up what generations cost, each once, and finds what an API key spent outside the ledger', async () => {
    await change(`UPDATE generations SET hold_state = 'held', cost_micros = NULL`);
    const settled = { status: 'completed', holdState: 'settled' } as const;
    const counted = generationRow({ ...settled, keyId: 'key-1', holdMicros: 40_000, costMicros: 40_000 });
    const free = generationRow({ ...settled, keyId: null, costMicros: 7_000 });
    await seed(database, { generations: [counted, free] });
    const ledger = new Ledger(new LedgerRepository());
    const accounts = await new BudgetDirectory(new BudgetsRepository(database), new Clock()).accountsOf(SPENDER);
    const cause = { generationId: counted.id, attemptId: null, spender: SPENDER, atMs: counted.createdAt, reason: null };
    await database.transaction(async (manager) => {
      await ledger.hold(manager, [{ ...cause, amountMicros: 40_000, accounts }]);
      await ledger.settle(manager, [{ ...cause, costMicros: 40_000, accounts: [] }]);
      await ledger.refund(manager, { ...cause, refundId: 'r1', amountMicros: 15_000 });
    });
    expect(await run()).toMatchObject({
      out: expect.stringMatching(
        /^generations cost 0\.047: 0\.04 counted in the ledger, of which 0\.015 was given back, and 0\.007 on no budget$/m,
      ),
      code: 0,
    });
    await seed(database, { generations: [generationRow({ ...settled, keyId: 'key-1', costMicros: 9_000 })] });
    const { out, code } = await run();
    expect(out).toContain('missing  1 generations of API keys cost 0.009 and are not in the ledger\n');
    expect(out).toContain('generations cost 0.056: 0.04 counted in the ledger, of which 0.015 was given back, and 0.007 on no budget\n');
    expect(code).toBe(1);
  });
});
