import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { configSchema } from '../config/index.js';
import { openDataSources } from './data-source.js';
import { Database } from './database.service.js';
import { WriteGate } from './sqlite.js';

describe('the SQLite driver', () => {
  it('runs a statement again and again, and after the schema changed', async () => {
    const { writer } = await openDataSources(configSchema.parse({ database_url: 'sqlite://:memory:' }), [], []);
    await writer.query('CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)');
    for (let id = 1; id <= 300; id += 1) await writer.query('INSERT INTO t (id, name) VALUES (?, ?)', [id, `n${id}`]);
    expect(await writer.query('SELECT name FROM t WHERE id = ?', [7])).toEqual([{ name: 'n7' }]);
    await writer.query('ALTER TABLE t ADD COLUMN more TEXT');
    expect(await writer.query('SELECT name FROM t WHERE id = ?', [8])).toEqual([{ name: 'n8' }]);
    // More kinds of statements than are kept.
    for (let id = 1; id <= 300; id += 1) expect(await writer.query(`SELECT ${id} AS id`)).toEqual([{ id }]);
    expect(await writer.query(' UPDATE t SET more = ? WHERE id <= ? RETURNING id', ['x', 2])).toEqual([{ id: 1 }, { id: 2 }]);
    await writer.query('DROP TABLE t');
    await writer.destroy();
  });

  it('answers a statement that cannot be prepared with its error, to everybody who sent it', async () => {
    const { writer } = await openDataSources(configSchema.parse({ database_url: 'sqlite://:memory:' }), [], []);
    const answers = await Promise.allSettled(Array.from({ length: 3 }, () => writer.query('SELECT * FROM nowhere')));
    for (const answer of answers) expect(String((answer as PromiseRejectedResult).reason)).toContain('no such table: nowhere');
    await writer.query('CREATE TABLE t (id INTEGER PRIMARY KEY)');
    await writer.query('INSERT INTO t (id) VALUES (?)', [1]);
    await expect(writer.query('INSERT INTO t (id) VALUES (?)', [1])).rejects.toThrow('UNIQUE');
    expect(await writer.query('SELECT id FROM t')).toEqual([{ id: 1 }]);
    await writer.destroy();
  });
});

describe('WriteGate', () => {
  it('lets one in at a time, in order, also after a failure', async () => {
    const gate = new WriteGate();
    const seen: string[] = [];
    const work =
      (name: string, fails = false) =>
      async (): Promise<void> => {
        seen.push(`${name} in`);
        await delay(2);
        seen.push(`${name} out`);
        if (fails) throw new Error(name);
      };
    const turns = [gate.run(work('a')), gate.run(work('b', true)), gate.run(work('c'))];
    const ends = await Promise.allSettled(turns);
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(seen).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
  });

  it('lets a writer that is inside straight through', async () => {
    const gate = new WriteGate();
    expect(await gate.run(() => gate.run(async () => 'inner'))).toBe('inner');
  });

  it('makes what was started inside wait once the stay is over', async () => {
    const gate = new WriteGate();
    const seen: string[] = [];
    let late: Promise<void> | undefined;
    await gate.run(async () => {
      late = delay(5).then(() =>
        gate.run(async () => {
          seen.push('late');
        }),
      );
    });
    await gate.run(async () => {
      await delay(15);
      seen.push('other');
    });
    await late;
    expect(seen).toEqual(['other', 'late']);
  });
});

describe('checkpoints', () => {
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
});
