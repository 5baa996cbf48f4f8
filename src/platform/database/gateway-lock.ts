import { randomUUID } from 'node:crypto';
import { mkdirSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from 'sqlite3';
import { Clock, StartRefusal } from '../common/index.js';
import type { Config } from '../config/index.js';
import { keepPrivate } from './private-files.js';
import { IN_MEMORY, sqlitePath } from './sqlite.js';

const PAUSE_MS = 250;
/** Beyond what a gateway that is told to end may take. */
const MARGIN_SECONDS = 5;

export interface GatewayLock {
  release(): Promise<void>;
}

interface Holder {
  /** Of this start; process ids are not unique across containers. */
  readonly id: string;
  readonly pid: number;
  readonly host: string;
  readonly since: string;
}

/**
 * Makes this process the one gateway on its SQLite file: two would write past each other's write gate, rates and leases. A second, tiny
 * database beside the file is held in a transaction of which the kernel knows, so that the lock ends with the process, however that ends, and
 * counts across containers on one volume. Commands and backups do not ask for it.
 * @param tell a line for whoever looks on, when it has to wait
 * @throws StartRefusal that names the file and who uses it, when that one does not end in the time that a shutdown takes
 */
export async function lockForGateway(
  { database_url: url, server }: Pick<Config, 'database_url' | 'server'>,
  tell: (line: string) => void,
): Promise<GatewayLock> {
  const path = url.startsWith('sqlite:') ? sqlitePath(url) : IN_MEMORY;
  if (path === IN_MEMORY) return { release: async () => undefined };
  mkdirSync(dirname(path), { recursive: true });
  keepPrivate(path);
  // Whatever way leads to it.
  const file = realpathSync(path);
  const waitSeconds = server.drain_delay_seconds + server.shutdown_grace_seconds + MARGIN_SECONDS;
  const deadlineMs = performance.now() + waitSeconds * 1000;
  const lock = await LockFile.open(`${file}-gateway`);
  for (let hasTold = false; !(await lock.take()); hasTold = true) {
    const holder = await lock.holder();
    const by = holder === undefined ? 'another gateway' : `another gateway: process ${holder.pid} on ${holder.host}, since ${holder.since}`;
    if (performance.now() >= deadlineMs) {
      await lock.close();
      throw new StartRefusal(
        `The database ${file} is used by ${by}. A SQLite file serves one gateway at a time: stop that one, or give this one a file of its own; several replicas need Postgres.`,
      );
    }
    if (!hasTold) tell(`The database ${file} is used by ${by}. Waiting up to ${waitSeconds} seconds for it to end.`);
    await delay(PAUSE_MS);
  }
  return { release: () => lock.close() };
}

class LockFile {
  private readonly own: Holder = {
    id: randomUUID(),
    pid: process.pid,
    host: hostname(),
    since: new Date(new Clock().nowMs()).toISOString(),
  };

  private constructor(
    private readonly path: string,
    private readonly database: Database,
  ) {}

  static async open(path: string): Promise<LockFile> {
    const sqlite3 = createRequire(import.meta.url)('sqlite3') as typeof import('sqlite3');
    keepPrivate(path);
    const database = await new Promise<Database>((resolve, reject) => {
      const opened = new sqlite3.Database(path, (error) => (error === null ? resolve(opened) : reject(refusal(path, error))));
    });
    database.configure('busyTimeout', 0);
    return new LockFile(path, database);
  }

  /** Takes the lock that admits readers and no other writer, and keeps it until the connection is closed. */
  async take(): Promise<boolean> {
    try {
      await this.run('BEGIN IMMEDIATE');
      const hasSigned = await this.sign();
      await this.run('BEGIN IMMEDIATE');
      // Somebody else may have come in between.
      if (!hasSigned || (await this.holder())?.id === this.own.id) return true;
      await this.run('ROLLBACK');
      return false;
    } catch (error) {
      if (isBusy(error)) return false;
      throw refusal(this.path, error);
    }
  }

  async holder(): Promise<Holder | undefined> {
    const rows = await this.all<Holder>('SELECT id, pid, host, since FROM holder').catch(() => []);
    return rows[0];
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.database.close(() => resolve()));
  }

  /** Says who holds the lock. It is held also where that cannot be written down, on a full disk. */
  private async sign(): Promise<boolean> {
    const { id, pid, host, since } = this.own;
    try {
      await this.run('CREATE TABLE IF NOT EXISTS holder (one INTEGER PRIMARY KEY, id TEXT, pid INTEGER, host TEXT, since TEXT)');
      await this.run('REPLACE INTO holder (one, id, pid, host, since) VALUES (1, ?, ?, ?, ?)', [id, pid, host, since]);
      await this.run('COMMIT');
      return true;
    } catch (error) {
      await this.run('ROLLBACK').catch(() => undefined);
      if (isBusy(error)) throw error;
      return false;
    }
  }

  private run(sql: string, parameters: readonly unknown[] = []): Promise<void> {
    return new Promise((resolve, reject) => this.database.run(sql, parameters, (error) => (error === null ? resolve() : reject(error))));
  }

  private all<Row>(sql: string): Promise<Row[]> {
    return new Promise((resolve, reject) => this.database.all<Row>(sql, (error, rows) => (error === null ? resolve(rows) : reject(error))));
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY';
}

function refusal(path: string, error: unknown): StartRefusal {
  return new StartRefusal(
    `The file ${path}, which keeps a second gateway from the same database, cannot be used: ${String(error)}. When it is damaged, remove it while no gateway runs.`,
    { cause: error },
  );
}
