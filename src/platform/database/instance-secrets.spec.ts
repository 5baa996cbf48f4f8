import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sqlite3 from 'sqlite3';
import { describe, expect, it } from 'vitest';
import { testApplication } from '../../../test/support/application.js';
import { databases } from '../../../test/support/databases.js';
import { Database } from './database.service.js';
import { InstanceSecrets } from './instance-secrets.js';
import { rows } from './sql.js';

const MASTER = 'a-master-key-for-secrets-at-rest';
const KEY = Buffer.alloc(32, 7).toString('base64');
const NAMES = ['api_key_pepper', 'file-links', 'webhook-secrets'];

/** A connection in the middle of a read. */
async function reading(path: string): Promise<{ close(): void }> {
  const database = new sqlite3.Database(path);
  await new Promise<void>((resolve, reject) => {
    database.serialize(() => {
      database.run('BEGIN');
      database.all('SELECT * FROM instance_secrets', (error) => (error === null ? resolve() : reject(error)));
    });
  });
  return { close: () => database.close() };
}

describe.each(databases())('the installation’s secrets on $name', ({ name, url }) => {
  interface Stored {
    readonly name: string;
    readonly value: string;
    readonly sealed: boolean | number;
  }

  /** Every byte of the file and what stands beside it. */
  const onDisk = (): Buffer => {
    const folder = dirname(new URL(url).pathname);
    return Buffer.concat(readdirSync(folder).map((file) => readFileSync(join(folder, file))));
  };

  const gateway = (secrets_key?: string) =>
    testApplication(url, { master_key: MASTER, ...(secrets_key === undefined ? {} : { secrets_key }) });
  const stored = (database: Database) => rows<Stored>(database.manager, 'SELECT name, value, sealed FROM instance_secrets ORDER BY name');

  it('are sealed once there is a key to seal them, leave no trace, and stay the same', async () => {
    const first = await gateway();
    const made = await first.app.inject({
      method: 'POST',
      url: '/v1/keys',
      headers: { authorization: `Bearer ${MASTER}` },
      payload: { name: 'k' },
    });
    const { key } = made.json<{ key: string }>();
    const plain = await stored(first.app.get(Database));
    expect(plain.map((row) => [row.name, Boolean(row.sealed)])).toEqual(NAMES.map((one) => [one, false]));
    if (name === 'sqlite') for (const { value } of plain) expect(onDisk().includes(value)).toBe(true);
    await first.close();

    // Somebody reads while it starts, such as a backup, and so keeps the log from being emptied.
    const reader = name === 'sqlite' ? await reading(new URL(url).pathname) : undefined;
    const starting = gateway(KEY);
    setTimeout(() => reader?.close(), 1_000);
    const second = await starting;
    const sealed = await stored(second.app.get(Database));
    expect(sealed.map((row) => [row.name, Boolean(row.sealed)])).toEqual(NAMES.map((one) => [one, true]));
    for (const { name: one, value } of plain) {
      expect(JSON.stringify(sealed)).not.toContain(value);
      expect((await second.app.get(InstanceSecrets).get(one)).toString('base64')).toBe(value);
      if (name === 'sqlite') {
        expect(onDisk().includes(value)).toBe(false);
        expect(onDisk().includes(Buffer.from(value, 'base64'))).toBe(false);
      }
    }
    expect(second.lines.join()).toContain('Sealed with secrets_key');
    const used = await second.app.inject({ url: '/v1/models', headers: { authorization: `Bearer ${key}` } });
    expect(used.statusCode).toBe(200);
    await second.close();

    const third = await gateway(KEY);
    expect(await stored(third.app.get(Database))).toEqual(sealed);
    expect(third.lines.join()).not.toContain('Sealed with secrets_key');
    await third.close();
    for (const wrong of [undefined, Buffer.alloc(32, 8).toString('base64'), 'AAAA']) {
      await expect(gateway(wrong)).rejects.toThrow(/secrets_key/);
    }
  });
});
