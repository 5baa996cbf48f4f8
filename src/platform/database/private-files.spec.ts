import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MIGRATIONS } from '../../../migrations/index.js';
import { configSchema } from '../config/index.js';
import { applyMigrations } from './apply-migrations.js';
import { closeDataSources, openDataSources } from './data-source.js';
import { openToOthers } from './private-files.js';

describe('a SQLite file', () => {
  let folder: string;
  let umask: number;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'litegen-private-'));
    // The most that a shell may leave open.
    umask = process.umask(0);
  });
  afterEach(() => {
    process.umask(umask);
    rmSync(folder, { recursive: true, force: true });
  });

  const modes = () =>
    Object.fromEntries(readdirSync(folder).map((name) => [name, (statSync(join(folder, name)).mode & 0o777).toString(8)]));

  async function whileOpen(look: () => void | Promise<void>): Promise<void> {
    const sources = await openDataSources(configSchema.parse({ database_url: `sqlite://${join(folder, 'own.db')}` }), [], MIGRATIONS);
    try {
      await applyMigrations(sources.writer, { waitSeconds: 0, tell: () => undefined });
      await look();
    } finally {
      await closeDataSources(sources);
    }
  }

  it('is its owner’s alone from the first moment, with all that stands beside it', async () => {
    await whileOpen(() => {
      expect(modes()).toEqual({ 'own.db': '600', 'own.db-wal': '600', 'own.db-shm': '600' });
    });
    expect(modes()).toEqual({ 'own.db': '600' });
  });

  it('is made so when it was left open to others', async () => {
    await whileOpen(() => undefined);
    chmodSync(join(folder, 'own.db'), 0o664);
    writeFileSync(join(folder, 'own.db-wal'), '', { mode: 0o666 });
    expect(openToOthers(join(folder, 'own.db'))).toHaveLength(2);
    await whileOpen(() => {
      expect(modes()).toEqual({ 'own.db': '600', 'own.db-wal': '600', 'own.db-shm': '600' });
    });
    expect(openToOthers(join(folder, 'own.db'))).toEqual([]);
  });

  it('keeps its locks when another opens it in this process', async () => {
    await whileOpen(async () => {
      const own = modes();
      await whileOpen(() => expect(modes()).toEqual(own));
    });
  });
});
