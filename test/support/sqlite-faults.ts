import { createRequire } from 'node:module';
import type { Database, Statement } from 'sqlite3';

type Callback = (this: unknown, error: Error) => void;
type Method = (this: unknown, ...values: unknown[]) => unknown;

export interface SqliteFault {
  readonly code: string;
  /** The statement that fails. It does not reach SQLite. */
  readonly at: RegExp;
  /** SQLite has ended the transaction by itself when the error is told. */
  readonly endsTransaction: boolean;
}

const sqlite3 = createRequire(import.meta.url)('sqlite3') as typeof import('sqlite3');
const databases = sqlite3.Database.prototype as unknown as Record<'all' | 'run' | 'prepare', Method>;
const statements = sqlite3.Statement.prototype as unknown as Record<'all' | 'run', Method>;
const onDatabase = { all: databases.all, run: databases.run, prepare: databases.prepare };
const onStatement = { all: statements.all, run: statements.run };

const texts = new WeakMap<Statement, { readonly sql: string; readonly database: Database }>();
let left: SqliteFault[] = [];
let came: SqliteFault[] = [];

/** Errors that the native library tells while `work` runs, once each, and that a healthy machine does not give. @returns those that came */
export async function withSqliteFaults(faults: readonly SqliteFault[], work: () => Promise<void>): Promise<SqliteFault[]> {
  left = [...faults];
  came = [];
  try {
    await work();
  } finally {
    left = [];
  }
  return came;
}

function isFailing(database: Database, sql: string, callback: Callback): boolean {
  const index = left.findIndex(({ at }) => at.test(sql));
  if (index === -1) return false;
  const [fault] = left.splice(index, 1) as [SqliteFault];
  came.push(fault);
  const error = Object.assign(new Error(`${fault.code}: injected`), { code: fault.code, errno: 1 });
  const tell = (): void => callback.call(database, error);
  if (fault.endsTransaction) onDatabase.run.call(database, 'ROLLBACK', tell);
  else setImmediate(tell);
  return true;
}

// From the beginning, since statements are kept for long.
for (const name of ['all', 'run'] as const) {
  databases[name] = function (this: Database, sql: unknown, ...rest) {
    return isFailing(this, String(sql), rest.at(-1) as Callback) ? this : onDatabase[name].call(this, sql, ...rest);
  } as Method;
  statements[name] = function (this: Statement, ...rest) {
    const known = texts.get(this);
    if (known !== undefined && isFailing(known.database, known.sql, rest.at(-1) as Callback)) return this;
    return onStatement[name].call(this, ...rest);
  } as Method;
}
databases.prepare = function (this: Database, sql: unknown, ...rest) {
  const statement = onDatabase.prepare.call(this, sql, ...rest) as Statement;
  texts.set(statement, { sql: String(sql), database: this });
  return statement;
} as Method;
