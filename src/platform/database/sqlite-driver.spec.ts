import { describe, expect, it } from 'vitest';
import { configSchema } from '../config/index.js';
import { openDataSources } from './data-source.js';

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
