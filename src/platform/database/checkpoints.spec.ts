import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { configSchema } from '../config/index.js';
import { openDataSources } from './data-source.js';
import { Database } from './database.service.js';

const folder = mkdtempSync(join(tmpdir(), 'litegen-checkpoints-'));
const opened: Database[] = [];

const open = async (file: string): Promise<Database> => {
  const database = new Database(await openDataSources(configSchema.parse({ database_url: `sqlite://${join(folder, file)}` }), [], []));
  opened.push(database);
  return database;
};

afterEach(async () => {
  for (const database of opened.splice(0)) await database.close();
  rmSync(folder, { recursive: true, force: true });
});

it('what was committed soon stands in the file itself, also while others read and write', async () => {
  const database = await open('one.db');
  await database.write((manager) => manager.query('CREATE TABLE t (id INTEGER PRIMARY KEY)'));
  for (let id = 1; id <= 50; id += 1) {
    await database.transaction((manager) => manager.query(`INSERT INTO t (id) VALUES (${id})`));
    expect(await database.manager.query('SELECT COUNT(*) AS count FROM t')).toEqual([{ count: id }]);
  }
  let copies = 0;
  await vi.waitFor(
    async () => {
      copies += 1;
      // Without the log, which stays behind.
      copyFileSync(join(folder, 'one.db'), join(folder, `copy-${copies}.db`));
      const copy = await open(`copy-${copies}.db`);
      expect(await copy.manager.query('SELECT COUNT(*) AS count FROM t')).toEqual([{ count: 50 }]);
    },
    { timeout: 10_000, interval: 100 },
  );
});
