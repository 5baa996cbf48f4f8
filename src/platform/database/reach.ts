import { setTimeout as delay } from 'node:timers/promises';
import { whyNotWritable } from '../common/index.js';
import { type Config, ConfigError } from '../config/index.js';
import { loadPg } from './bounded-client.js';
import { connectionUrl } from './data-source.js';
import { IN_MEMORY, sqlitePath } from './sqlite.js';
import { isUnavailable } from './unavailable.js';

const TRY_EVERY_MS = 1_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** What is wrong where the server answered, by SQLSTATE. */
const REFUSALS: Readonly<Record<string, string>> = {
  '28000': 'the server does not let this user in (pg_hba.conf)',
  '28P01': 'the server refuses the user or the password',
  '3D000': 'the server has no such database',
};

const LACKS_A_RIGHT = '42501';

/** As PgBouncer passes it on, without the server's code. */
const NO_DATABASE = /no such database|database .* does not exist/i;

/** What is wrong with a file, by SQLite's code. */
const FILE_FAILURES: Readonly<Record<string, string>> = {
  SQLITE_NOTADB: 'it is no SQLite database',
  SQLITE_CORRUPT: 'it is damaged; restore a backup, or recover it with SQLite’s own tools',
  SQLITE_CANTOPEN: 'it cannot be opened',
  SQLITE_READONLY: 'it cannot be written to',
  SQLITE_FULL: 'its disk is full',
  SQLITE_IOERR: 'its disk is full or broken',
};

/** What is wrong on the way, by Node's code. */
const FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no host of this name',
  EAI_AGAIN: 'the name of the host cannot be looked up at the moment',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'there is no way to the host',
  ENETUNREACH: 'there is no way to the host’s network',
  ECONNRESET: 'it ended the connection',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'its certificate is signed by itself; name its authority with sslrootcert, or take it unseen with sslmode=no-verify',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate’s authority is not known here; name it with sslrootcert',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate’s authority is not known here; name it with sslrootcert',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate’s authority is not known here; name it with sslrootcert',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};

/** Why the database cannot be reached, in a clause that holds no part of the password. */
export function whyUnreachable(error: unknown): string {
  const { code = '', message = String(error) } = error as { readonly code?: string; readonly message?: string };
  if (NO_DATABASE.test(message)) return REFUSALS['3D000'] ?? message;
  if (code === LACKS_A_RIGHT) return `the user lacks a right: ${message}`;
  const known = REFUSALS[code] ?? FAILURES[code];
  if (known !== undefined) return known;
  if (/SSL off|no encryption|no pg_hba\.conf entry/i.test(message)) return `${REFUSALS['28000']}; perhaps it wants sslmode=require`;
  if (/does not support SSL/i.test(message)) return 'the server does not offer encryption, which sslmode asks for';
  const [first = ''] = message.split('\n');
  return first || code || 'it does not answer';
}

/** As far as it may be shown: no user, no password. */
function placeOf(url: string): string {
  const { hostname, port, pathname, searchParams } = new URL(url);
  return `Postgres at ${hostname || searchParams.get('host') || 'localhost'}:${port || '5432'}${pathname}`;
}

/**
 * Makes sure that there is a database before anything depends on it. One that does not answer yet, as in a cluster that has just been
 * started, is waited for, with a line that says so.
 * @throws ConfigError when it cannot be used, or does not answer in time
 */
export async function reachDatabase(config: Config, say: (line: string) => void): Promise<void> {
  const { database_url: url } = config;
  if (url.startsWith('sqlite:')) return checkFile(sqlitePath(url));
  const limitSeconds = config.database.start_timeout_seconds;
  const deadline = performance.now() + limitSeconds * 1000;
  for (let tries = 0; ; tries += 1) {
    try {
      return await connectOnce(url);
    } catch (error) {
      const problem = `${placeOf(url)} cannot be reached: ${whyUnreachable(error)}`;
      if (!isNotThereYet(error)) throw new ConfigError([`database_url: ${problem}`]);
      if (performance.now() + TRY_EVERY_MS > deadline) {
        throw new ConfigError([`database_url: ${problem}${limitSeconds > 0 ? `; it was waited for, for ${limitSeconds} s` : ''}`]);
      }
      if (tries === 0) say(`${problem}. Waiting for it for up to ${limitSeconds} s.`);
      await delay(TRY_EVERY_MS);
    }
  }
}

/** What a start met when it opened the database or brought its schema up to date, as an error that names the setting. */
export function databaseFailure(error: unknown, { database_url: url }: Pick<Config, 'database_url'>): unknown {
  const { code = '' } = error as { readonly code?: string };
  if (code in FILE_FAILURES) return new ConfigError([`database_url: ${sqlitePath(url)} cannot be used: ${FILE_FAILURES[code]}`]);
  if (url.startsWith('sqlite:') || !(code in REFUSALS || code in FAILURES || code === LACKS_A_RIGHT || isUnavailable(error))) return error;
  return new ConfigError([`database_url: ${placeOf(url)} cannot be used: ${whyUnreachable(error)}`]);
}

async function connectOnce(url: string): Promise<void> {
  const { Client } = loadPg();
  const client = new Client({ connectionString: connectionUrl(url), connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
  } finally {
    await client.end().catch(() => undefined);
  }
}

function isNotThereYet(error: unknown): boolean {
  const { code = '', message = '' } = error as { readonly code?: string; readonly message?: string };
  if (code in REFUSALS || code === LACKS_A_RIGHT || NO_DATABASE.test(message) || /^(?:DEPTH|SELF|UNABLE|CERT|ERR_TLS)/.test(code))
    return false;
  return code in FAILURES || isUnavailable(error) || /timeout|terminated/i.test(message);
}

function checkFile(path: string): void {
  if (path === IN_MEMORY) return;
  const reason = whyNotWritable(path);
  if (reason === undefined) return;
  throw new ConfigError([`database_url: ${path} cannot be used: ${reason}. Change its owner or mode, or set LITEGEN__DATABASE_URL.`]);
}
