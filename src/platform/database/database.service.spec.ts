import { describe, expect, it } from 'vitest';
import { databases } from '../../../test/support/databases.js';
import { configSchema } from '../config/index.js';
import { openDataSources } from './data-source.js';
import { Database } from './database.service.js';

describe.each(databases())('transactions on $name', ({ url }) => {
  it('tell those who asked how they went, once they are over and outside of them', async () => {
    const database = new Database(await openDataSources(configSchema.parse({ database_url: url }), [], []));
    await database.write((manager) => manager.query('CREATE TABLE t (id INTEGER PRIMARY KEY)'));
    const heard: string[] = [];
    const insert = (id: number, fails: boolean) =>
      database.transaction(async (manager) => {
        database.whenOver(manager, (isCommitted) => heard.push(`${id} ${isCommitted ? 'committed' : 'undone'}`));
        await manager.query(`INSERT INTO t (id) VALUES (${id})`);
        if (fails) throw new Error('changed its mind');
      });
    await Promise.allSettled([insert(1, false), insert(2, true), insert(1, false), insert(3, false)]);
    expect(heard.sort()).toEqual(['1 committed', '1 undone', '2 undone', '3 committed']);
    let seen: unknown;
    const looked = new Promise<void>((resolve) => {
      void database.transaction(async (manager) => {
        // On SQLite a write inside a transaction would join it; this one begins its own.
        database.whenOver(manager, () => {
          resolve(
            database.transaction(async (own) => {
              seen = await own.query('SELECT id FROM t');
            }),
          );
        });
        await manager.query('INSERT INTO t (id) VALUES (4)');
      });
    });
    await looked;
    expect(seen).toEqual([{ id: 1 }, { id: 3 }, { id: 4 }]);
    await database.close();
  });
});
