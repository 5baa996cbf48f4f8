import { createRequire } from 'node:module';
import type { Database as SqliteDatabase, Statement } from 'sqlite3';

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
        (callback as Callback).call(this, error, rows);
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
