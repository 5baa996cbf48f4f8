/** Of Node and of SQLite: the way to the database is cut, or its file cannot be used right now. */
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
  'SQLITE_BUSY',
  'SQLITE_LOCKED',
  'SQLITE_FULL',
  'SQLITE_IOERR',
  'SQLITE_CANTOPEN',
]);

/**
 * SQLSTATE: connection exceptions (08), insufficient resources (53), the server shuts down, crashed or starts (57P0x), I/O errors (58), and
 * a standby that answers for the primary (25006).
 */
const SQL_STATES = /^(08\w{3}|53\w{3}|57P0\w|58\w{3}|25006)$/;

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

/** Whether a failure says nothing about what was asked: the database was away, and the same may work a moment later. */
export function isUnavailable(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  const { code, cause, driverError } = thrown as Error & { readonly code?: unknown; readonly driverError?: unknown };
  if (typeof code === 'string' && (SYSTEM_CODES.has(code) || SQL_STATES.test(code))) return true;
  if (MESSAGES.some((message) => message.test(thrown.message))) return true;
  // Where a name has several addresses, each was tried.
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return thrown.errors.every(isUnavailable);
  return (cause !== thrown && isUnavailable(cause)) || (driverError !== thrown && isUnavailable(driverError));
}
