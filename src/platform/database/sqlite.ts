import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { Logger } from '@nestjs/common';
import type { Database as SqliteDatabase, Statement } from 'sqlite3';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';

export const IN_MEMORY = ':memory:';

/** `sqlite://relative`, `sqlite:///absolute`, `sqlite://:memory:`; a query such as `?mode=rwc` is LiteGen's and needless here. */
export function sqlitePath(url: string): string {
  const path = url.replace(/^sqlite:(\/\/)?/, '').replace(/\?.*$/, '');
  return path === IN_MEMORY || path === '' ? IN_MEMORY : resolve(path);
}

/** What each connection may keep of the file; of SQLite's own 2 MB the indexes that every write touches fall out again and again. */
const SQLITE_CACHE_KIB = 16_384;

/**
 * So long the log may grow, in pages of 4 KB, before a commit moves it into the file itself: {@link Checkpoints} do so much sooner, but while
 * there is always somebody who writes, only a writer can begin the log anew.
 */
const MOST_LOG_PAGES = 8_192;

/** Durable against a killed process; several readers beside the writer; waits rather than failing on a lock. */
export async function tuneSqlite(source: DataSource): Promise<void> {
  const pragmas = [
    'journal_mode = WAL',
    'synchronous = NORMAL',
    'busy_timeout = 5000',
    'foreign_keys = ON',
    `wal_autocheckpoint = ${MOST_LOG_PAGES}`,
  ];
  for (const pragma of [...pragmas, `cache_size = -${SQLITE_CACHE_KIB}`]) {
    await source.query(`PRAGMA ${pragma}`);
  }
}

type Callback = (this: Statement, error: Error | null, rows?: unknown[]) => void;
type Sqlite3 = typeof import('sqlite3');
type Method = 'all' | 'run';

/** Statements that a gateway sends again and again; there are fewer kinds than this. */
const MOST_STATEMENTS = 200;
/** What may be prepared once and run often: the schema's own statements, and pragmas, are not. */
const REPEATABLE = /^\s*(select|insert|update|delete|with|begin|commit|rollback)\b/i;

const BEGIN = /^\s*begin\b/i;
const COMMIT = /^\s*(commit|end)\b/i;
/** Of the whole transaction, not to a savepoint. */
const ROLLBACK = /^\s*rollback(\s+transaction)?\s*;?\s*$/i;
const NO_TRANSACTION = /no transaction is active/;

/**
 * Errors of the statement alone. After any other (FULL, IOERR, NOMEM, BUSY, …) SQLite may have rolled the whole transaction back, and what
 * is sent next would be committed at once, on its own.
 */
const OF_THE_STATEMENT: ReadonlySet<unknown> = new Set([
  'SQLITE_ERROR',
  'SQLITE_CONSTRAINT',
  'SQLITE_MISMATCH',
  'SQLITE_RANGE',
  'SQLITE_TOOBIG',
]);

interface Prepared {
  readonly statement: Statement;
  /** Those who wait for an answer. The driver forgets them when the statement cannot be prepared. */
  readonly waiting: Set<(error: Error) => void>;
}

interface Transaction {
  /** What went wrong, after which nothing but its ROLLBACK is sent. */
  failure: Error | undefined;
  isBusy: boolean;
  readonly queue: (() => void)[];
}

/** A connection that knows whether it may be inside a transaction. */
export interface SqliteConnection extends SqliteDatabase {
  /** True until a COMMIT or ROLLBACK proved that it is outside. */
  readonly isInTransaction: boolean;
}

/**
 * The driver with prepared statements kept, and without the stack trace that TypeORM's `verbose()` takes at every call:
 * together they were two thirds of the driver's cost.
 *
 * The statements of a transaction are sent one after the other, and none of them after an error that may have ended it.
 */
export function sqliteDriver(): unknown {
  const sqlite3 = createRequire(import.meta.url)('sqlite3') as Sqlite3;

  class KeepingDatabase extends sqlite3.Database implements SqliteConnection {
    private readonly kept = new Map<string, Prepared>();
    private transaction: Transaction | undefined;

    get isInTransaction(): boolean {
      return this.transaction !== undefined;
    }

    override all(sql: string, ...rest: unknown[]): this {
      return this.inTurn('all', sql, rest);
    }

    override run(sql: string, ...rest: unknown[]): this {
      return this.inTurn('run', sql, rest);
    }

    override close(callback?: (error: Error | null) => void): void {
      for (const { statement } of this.kept.values()) statement.finalize();
      this.kept.clear();
      super.close(callback);
    }

    private inTurn(method: Method, sql: string, rest: unknown[]): this {
      const callback = rest.at(-1);
      if (typeof callback !== 'function') return this.passOn(method, sql, rest);
      const parameters = rest.slice(0, -1);
      if (BEGIN.test(sql)) this.transaction ??= { failure: undefined, isBusy: false, queue: [] };
      const { transaction } = this;
      if (transaction === undefined) return this.send(method, sql, [...parameters, callback]);
      const turn = (): void => {
        if (transaction.failure !== undefined && !ROLLBACK.test(sql)) {
          this.next(transaction);
          (callback as (error: Error) => void)(transaction.failure);
          return;
        }
        transaction.isBusy = true;
        const { heard, next } = { heard: this.hear.bind(this), next: this.next.bind(this) };
        this.send(method, sql, [
          ...parameters,
          function (this: Statement, error: Error | null, rows?: unknown[]) {
            const told = heard(transaction, sql, error);
            transaction.isBusy = false;
            next(transaction);
            (callback as Callback).call(this, told, rows);
          },
        ]);
      };
      if (transaction.isBusy || transaction.queue.length > 0) transaction.queue.push(turn);
      else turn();
      return this;
    }

    /** What an answer says about the transaction. @returns the error, unless it is none */
    private hear(transaction: Transaction, sql: string, error: Error | null): Error | null {
      const isRollback = ROLLBACK.test(sql);
      const isOver = error === null ? isRollback || COMMIT.test(sql) : isRollback && NO_TRANSACTION.test(error.message);
      if (isOver) {
        if (this.transaction === transaction) this.transaction = undefined;
        return null;
      }
      const code = (error as { readonly code?: unknown } | null)?.code;
      if (error !== null && (BEGIN.test(sql) || !OF_THE_STATEMENT.has(code))) transaction.failure ??= error;
      return error;
    }

    private next(transaction: Transaction): void {
      if (!transaction.isBusy) transaction.queue.shift()?.();
    }

    private send(method: Method, sql: string, rest: unknown[]): this {
      return this.runKept(method, sql, rest) ?? this.passOn(method, sql, rest);
    }

    private passOn(method: Method, sql: string, rest: unknown[]): this {
      const call = super[method] as (this: SqliteDatabase, ...values: unknown[]) => this;
      return call.call(this, sql, ...rest);
    }

    private runKept(method: Method, sql: string, rest: unknown[]): this | undefined {
      const callback = rest.at(-1);
      if (typeof callback !== 'function' || rest.length > 2 || !REPEATABLE.test(sql)) return undefined;
      const parameters = rest.length === 2 ? rest[0] : [];
      const { statement, waiting } = this.prepared(sql);
      const fail = (error: Error): void => (callback as Callback).call(statement, error);
      waiting.add(fail);
      statement[method](parameters ?? [], function (this: Statement, error: Error | null, rows?: unknown[]) {
        waiting.delete(fail);
        if (error === null) return (callback as Callback).call(this, error, rows);
        // One that was locked out goes on counting as a writer, and until it is reset SQLite commits no other statement on the connection.
        statement.reset(() => (callback as Callback).call(this, error, rows));
      });
      return this;
    }

    private prepared(sql: string): Prepared {
      const known = this.kept.get(sql);
      if (known !== undefined) {
        // The last used stand last.
        this.kept.delete(sql);
        this.kept.set(sql, known);
        return known;
      }
      const fresh: Prepared = {
        waiting: new Set(),
        statement: super.prepare(sql, (error: Error | null) => {
          if (error === null) return;
          this.kept.delete(sql);
          for (const fail of [...fresh.waiting]) fail(error);
        }),
      };
      this.kept.set(sql, fresh);
      this.forgetOldest();
      return fresh;
    }

    private forgetOldest(): void {
      if (this.kept.size <= MOST_STATEMENTS) return;
      for (const [sql, { statement }] of this.kept) {
        this.kept.delete(sql);
        statement.finalize();
        return;
      }
    }
  }

  const driver: unknown = Object.create(sqlite3, { Database: { value: KeepingDatabase }, verbose: { value: () => driver } });
  return driver;
}

/** One stay inside the gate. Timers that were started during it remember it after it is over. */
interface Stay {
  isOver: boolean;
}

/**
 * Lets one writer in at a time; a writer that is already inside goes straight through.
 *
 * SQLite has one connection, and TypeORM opens its transactions on it: a write that lands while another request's
 * transaction is open would be rolled back with it. So every write waits here. Never do other I/O inside.
 */
export class WriteGate {
  private readonly inside = new AsyncLocalStorage<Stay>();
  private tail: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    if (this.inside.getStore()?.isOver === false) return work();
    const turn = this.tail.then(async () => {
      const stay: Stay = { isOver: false };
      try {
        return await this.inside.run(stay, work);
      } finally {
        stay.isOver = true;
      }
    });
    this.tail = turn.catch(() => undefined);
    return turn;
  }
}

/** What the ORM's driver keeps of its connection. */
interface OrmDriver {
  readonly databaseConnection: SqliteConnection;
  /** Counts savepoints, also of a transaction that is long over. */
  queryRunner?: QueryRunner;
  connect(): Promise<void>;
  disconnect(): Promise<void>;
}

/**
 * The one connection that writes to a SQLite file. SQLite ends a transaction by itself after some errors, and the ORM would take every later
 * one for a part of it, never committed: so nothing is written on the connection unless it is known to be outside of any transaction.
 */
export class SqliteWriter {
  private readonly logger = new Logger('Database');
  private readonly gate = new WriteGate();
  private isTrusted = true;
  private isInTransaction = false;

  constructor(private readonly source: DataSource) {}

  /** @throws Error within another transaction of this writer, whose manager is to be handed on instead */
  transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.gate.run(async () => {
      if (this.isInTransaction) throw new Error('A transaction began inside another; the manager of the outer one is to be handed on');
      this.isInTransaction = true;
      try {
        return await this.outside(() => this.source.transaction(work));
      } finally {
        this.isInTransaction = false;
      }
    });
  }

  /** Joins the transaction in which it is called, if it is called in one. */
  write<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const run = () => work(this.source.manager);
    return this.gate.run(() => (this.isInTransaction ? run() : this.outside(run)));
  }

  /** Begins and ends outside of any transaction. */
  private async outside<T>(work: () => Promise<T>): Promise<T> {
    if (!this.isTrusted) await this.reopen();
    try {
      return await work();
    } catch (error) {
      this.driver.queryRunner = undefined;
      this.isTrusted = !this.driver.databaseConnection.isInTransaction;
      if (!this.isTrusted) {
        this.logger.warn(`The database did not confirm that a transaction ended, so its connection is reopened: ${String(error)}`);
        // The next one to write tries again.
        await this.reopen().catch((failure: unknown) => this.logger.error(`The database could not be reopened: ${String(failure)}`));
      }
      throw error;
    }
  }

  private async reopen(): Promise<void> {
    const { driver } = this;
    // Either proves that none is open, or ends it; a file that lives in memory would be gone with its connection.
    await new Promise<void>((resolve) => driver.databaseConnection.run('ROLLBACK', () => resolve()));
    if (driver.databaseConnection.isInTransaction) {
      if (this.source.options.database === IN_MEMORY) throw new Error('The transaction could not be rolled back');
      await driver.disconnect();
      await driver.connect();
      await tuneSqlite(this.source);
    }
    this.isTrusted = true;
  }

  private get driver(): OrmDriver {
    return this.source.driver as unknown as OrmDriver;
  }
}

/** So long what was committed stays in the log alone. Little at a time holds up the disk least for those who write to it meanwhile. */
const CHECKPOINT_INTERVAL_MS = 100;

/**
 * Moves what was committed out of SQLite's log into its file, on a connection of its own. The file has to be synchronized with the disk
 * for that, which takes as long as dozens of transactions do, and whoever commits need not wait for it.
 */
export class Checkpoints {
  private readonly logger = new Logger(Checkpoints.name);
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private hasFailed = false;

  constructor(private readonly source: DataSource) {}

  /** To be told after each commit. */
  wrote(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.running = this.running.then(() => this.run());
    }, CHECKPOINT_INTERVAL_MS).unref();
  }

  /** Resolves when the connection can be closed. */
  async stop(): Promise<void> {
    clearTimeout(this.timer);
    await this.running;
  }

  private async run(): Promise<void> {
    try {
      // Neither waits for readers and writers nor keeps them waiting; what it cannot move, the next one does.
      await this.source.query('PRAGMA wal_checkpoint(PASSIVE)');
      this.hasFailed = false;
    } catch (error) {
      // Ten times a second it would be the same.
      if (!this.hasFailed) this.logger.warn(`The write-ahead log could not be checkpointed and grows: ${String(error)}`);
      this.hasFailed = true;
    }
  }
}
