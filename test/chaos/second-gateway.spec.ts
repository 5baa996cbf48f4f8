import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sqlite3 from 'sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Client } from '../support/client.js';
import { type Gateway, startGateway } from '../support/gateway.js';

const CLI = fileURLToPath(new URL('../../dist/src/app/cli.js', import.meta.url));
/** A start waits no longer than this for one that drains, and five seconds. */
const HASTE = { LITEGEN__SERVER__SHUTDOWN_GRACE_SECONDS: '1' };
const PATIENCE_MS = 60_000;

describe('a second gateway on a SQLite file', () => {
  let folder: string;
  const running: Gateway[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'litegen-second-'));
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((gateway) => gateway.kill()));
    rmSync(folder, { recursive: true, force: true });
  });

  const file = () => join(folder, 'data/litegen.db');
  const start = async (databaseUrl = `sqlite://${file()}`, env: Readonly<Record<string, string>> = {}) => {
    const gateway = await startGateway({ databaseUrl, blobsDirectory: join(folder, 'blobs'), env: { ...HASTE, ...env } });
    running.push(gateway);
    return gateway;
  };
  const failure = (starting: Promise<Gateway>) =>
    starting.then(
      () => 'it started',
      (error: unknown) => String(error),
    );

  it('is refused in a sentence that names the file and who uses it, whatever way leads to it', { timeout: PATIENCE_MS }, async () => {
    const first = await start();
    mkdirSync(join(folder, 'other'));
    symlinkSync(file(), join(folder, 'other/link.db'));
    symlinkSync(dirname(file()), join(folder, 'elsewhere'));
    const ways = [
      `sqlite://${file()}`,
      `sqlite://${join(folder, 'other/link.db')}`,
      `sqlite://${join(folder, 'elsewhere/../data/litegen.db')}`,
    ];
    for (const said of await Promise.all(ways.map((way) => failure(start(way))))) {
      expect(said).toContain('Waiting up to 6 seconds for it to end');
      expect(said).toMatch(
        new RegExp(
          `LiteGen did not start: The database ${file()} is used by another gateway: process ${first.pid} on \\S+, since \\S+Z\\. `,
        ),
      );
      expect(said).not.toMatch(/^ +at /m);
    }
    expect((await new Client(first.url).send('/health/ready')).status).toBe(200);
  });

  it('may be one that starts while the first one ends', { timeout: PATIENCE_MS }, async () => {
    const first = await start();
    let hasStarted = false;
    const second = start(undefined, { LITEGEN__SERVER__SHUTDOWN_GRACE_SECONDS: '30' }).then((gateway) => {
      hasStarted = true;
      return gateway;
    });
    // Long enough to meet the first one on any machine that is not overloaded; nothing fails on one that is.
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(hasStarted).toBe(false);
    expect(await first.stop()).toBe(0);
    expect((await new Client((await second).url).send('/health/ready')).status).toBe(200);
  });

  it('starts after a crash', { timeout: PATIENCE_MS }, async () => {
    const first = await start();
    await first.kill();
    const second = await start();
    expect(second.logs()).not.toContain('Waiting up to');
    expect(statSync(`${file()}-gateway`).mode & 0o777).toBe(0o600);
  });

  it('is none: commands and a backup may open the file', { timeout: PATIENCE_MS }, async () => {
    const first = await start();
    const env = { PATH: process.env.PATH, LITEGEN__DATABASE_URL: `sqlite://${file()}`, LITEGEN__STORAGE__PATH: join(folder, 'blobs') };
    for (const command of [['migrate'], ['reconcile'], ['doctor']]) {
      const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...command], { cwd: folder, env });
      expect(stdout).not.toContain('used by another');
    }
    const database = new sqlite3.Database(file());
    await new Promise<void>((resolve, reject) =>
      database.run(`VACUUM INTO '${join(folder, 'backup.db')}'`, (error) => (error === null ? resolve() : reject(error))),
    );
    await new Promise((resolve) => database.close(resolve));
    expect(existsSync(join(folder, 'backup.db'))).toBe(true);
    const answer = await new Client(first.url).send('/v1/images/generations', { body: { model: 'mock/paint', prompt: 'a fox' } });
    expect(answer.status).toBe(200);
  });
});
