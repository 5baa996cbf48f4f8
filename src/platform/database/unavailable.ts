/** Of Node: the way to the database is cut. */
const SYSTEM_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/**
 * SQLSTATE: connection exceptions (08), who may connect (28) and to what (3D), insufficient resources (53), the server shuts down, crashed or
 * starts (57P0x), I/O errors (58), a standby that answers for the primary (25006), and a transaction that was given up for standing still
 * (25P03).
 */
const AWAY_STATES = /^(08\w{3}|28\w{3}|3D\w{3}|53\w{3}|57P0\w|58\w{3}|25006|25P03)$/;

/**
 * SQLSTATE: what is asked cannot be done, however often: data (22) and constraints (23) say no, statements are wrong or name what there is
 * not (42), or are too large (54). Who lacks a privilege (42501) may be given it.
 */
const PERMANENT_STATES = /^(22\w{3}|23\w{3}|42(?!501)\w{3}|54\w{3})$/;

/** Likewise of SQLite: the first three say what the statement did, the others that it was used wrongly. */
const PERMANENT_SQLITE_CODES: ReadonlySet<string> = new Set([
  'SQLITE_CONSTRAINT',
  'SQLITE_ERROR',
  'SQLITE_MISMATCH',
  'SQLITE_TOOBIG',
  'SQLITE_RANGE',
  'SQLITE_MISUSE',
]);

/** What the driver says without a code; and the ORM, of a transaction whose connection broke between two statements. */
const MESSAGES = [
  /^Connection terminated/,
  /^timeout exceeded when trying to connect/,
  /^Client (was closed|has encountered a connection error)/,
  /^Query runner already released/,
  /query runner was already released/,
];

/** The transaction was handed over to be committed, and no answer came: it may have been committed or not. */
export class CommitUnknown extends Error {
  constructor(cause: unknown) {
    super('The database went away while a transaction was being committed', { cause });
    this.name = 'CommitUnknown';
  }
}

/** The database did not answer in `database.timeout_seconds`. */
export class DatabaseTimeout extends Error {
  readonly code = 'ETIMEDOUT';

  constructor(timeoutMs: number) {
    super(`The database did not answer within ${timeoutMs} ms`);
    this.name = 'DatabaseTimeout';
  }
}

/** The SQLSTATE with which Postgres refused a statement. */
export function sqlState(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const { code, driverError } = thrown as Error & { readonly code?: unknown; readonly driverError?: unknown };
  return typeof code === 'string' ? code : sqlState(driverError);
}

/** Whether nobody was there who could have done what was asked: it is the same for whatever else is asked now. */
export function isAway(thrown: unknown): boolean {
  return some(thrown, ({ code, severity, message }) => {
    if (MESSAGES.some((known) => known.test(message))) return true;
    if (typeof code !== 'string') return false;
    if (SYSTEM_CODES.has(code) || isPassingOfSqlite(code)) return true;
    return typeof severity === 'string' && AWAY_STATES.test(code);
  });
}

/**
 * Whether the same may work a moment later. That is so of everything that a database says, unless it is proven that what was asked cannot be
 * done: it was away, or somebody else was in the way, or somebody who looks after it can mend it.
 */
export function isUnavailable(thrown: unknown): boolean {
  if (isAway(thrown)) return true;
  return some(thrown, ({ code, severity }) => typeof code === 'string' && typeof severity === 'string' && !PERMANENT_STATES.test(code));
}

function isPassingOfSqlite(code: string): boolean {
  return code.startsWith('SQLITE_') && !PERMANENT_SQLITE_CODES.has(code);
}

type Thrown = Error & { readonly code?: unknown; readonly severity?: unknown; readonly driverError?: unknown };

/** Of the failure, or of what it wraps. */
function some(thrown: unknown, is: (error: Thrown) => boolean): boolean {
  if (!(thrown instanceof Error)) return false;
  if (is(thrown)) return true;
  // Where a name has several addresses, each was tried.
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return thrown.errors.every((error) => some(error, is));
  const { cause, driverError } = thrown as Thrown;
  return (cause !== thrown && some(cause, is)) || (driverError !== thrown && some(driverError, is));
}
