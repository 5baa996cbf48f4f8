import { createRequire } from 'node:module';
import type { Database as SqliteDatabase, Statement } from 'sqlite3';

type Callback = (this: Statement, error: Error | null, rows?: unknown[]) => void;
type Sqlite3 = typeof import('sqlite3');

/** Statements that a gateway sends again and again; there are fewer kinds than this. */
const MOST_STATEMENTS = 200;
/** What may be prepared once and run often: the schema's own statements, and pragmas, are not. */
const REPEATABLE = /^\s*(select|insert|update|delete|with|begin|commit|rollback)\b/i;

interface Prepared {
  readonly statement: Statement;
  /** Those who wait for an answer. The driver forgets them when the statement cannot be prepared. */
  readonly waiting: Set<(error: Error) => void>;
}

/**
 * The driver with prepared statements kept, and without the stack trace that TypeORM's `verbose()` takes at every call:
 * together they were two thirds of the driver's cost.
 */
export function sqliteDriver(): unknown {
  const sqlite3 = createRequire(import.meta.url)('sqlite3') as Sqlite3;

  class KeepingDatabase extends sqlite3.Database {
    private readonly kept = new Map<string, Prepared>();

    override all(sql: string, ...rest: unknown[]): this {
      return this.runKept('all', sql, rest) ?? this.passOn('all', sql, rest);
    }

    override run(sql: string, ...rest: unknown[]): this {
      return this.runKept('run', sql, rest) ?? this.passOn('run', sql, rest);
    }

    override close(callback?: (error: Error | null) => void): void {
      for (const { statement } of this.kept.values()) statement.finalize();
      this.kept.clear();
      super.close(callback);
    }

    private passOn(method: 'all' | 'run', sql: string, rest: unknown[]): this {
      const call = super[method] as (this: SqliteDatabase, ...values: unknown[]) => this;
      return call.call(this, sql, ...rest);
    }

    private runKept(method: 'all' | 'run', sql: string, [parameters, callback]: unknown[]): this | undefined {
      if (typeof callback !== 'function' || !REPEATABLE.test(sql)) return undefined;
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
