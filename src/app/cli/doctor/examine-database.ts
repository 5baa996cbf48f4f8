import { existsSync } from 'node:fs';
import { type Clock, whyNotWritable } from '../../../platform/common/index.js';
import type { Config } from '../../../platform/config/index.js';
import {
  Database,
  type MigrationList,
  openDataSources,
  openToOthers,
  rows,
  sqlitePath,
  whyUnreachable,
} from '../../../platform/database/index.js';
import type { Finding } from './finding.js';

const MAX_SKEW_MS = 2_000;

/** Whether it answers, is up to date and goes by the same time. */
export async function* examineDatabase(config: Config, migrations: MigrationList, clock: Clock): AsyncGenerator<Finding> {
  if (isSqlite(config)) {
    const path = sqlitePath(config.database_url);
    if (path === ':memory:') {
      yield {
        level: 'warn',
        subject: 'database',
        message: 'SQLite in memory: everything is forgotten at the end of the process',
        remedy: 'Set LITEGEN__DATABASE_URL=sqlite://data/litegen.db',
      };
      return;
    }
    const reason = whyNotWritable(path);
    if (reason !== undefined) {
      yield {
        level: 'fail',
        subject: 'database',
        message: `${path} cannot be used: ${reason}`,
        remedy: 'Change its owner or mode, or set LITEGEN__DATABASE_URL.',
      };
      return;
    }
    if (!existsSync(path)) {
      yield { level: 'ok', subject: 'database', message: `${path} is made at the first start` };
      return;
    }
  }
  let opened: Database;
  try {
    opened = new Database(await openDataSources(config, [], migrations));
  } catch (error) {
    yield {
      level: 'fail',
      subject: 'database',
      message: `cannot be reached: ${whyUnreachable(error)}`,
      remedy: 'Check database_url, that the server runs, and that the user may connect.',
    };
    return;
  }
  try {
    await opened.check();
    yield { level: 'ok', subject: 'database', message: opened.dialect };
    if (isSqlite(config)) yield privacy(sqlitePath(config.database_url));
    yield await pending(opened, config);
    yield* skew(opened, clock);
  } finally {
    await opened.close();
  }
}

/** What can be mended was mended when the file was opened. */
function privacy(path: string): Finding {
  const files = openToOthers(path);
  if (files.length === 0) return { level: 'ok', subject: 'database', message: `only its owner may read ${path}` };
  return {
    level: 'warn',
    subject: 'database',
    message: `others than its owner may read ${files.join(', ')}`,
    remedy: 'Run `chmod 600` on them as their owner, and keep them on a file system that knows modes.',
  };
}

async function pending(opened: Database, config: Config): Promise<Finding> {
  if (!(await opened.pendingMigrations())) return { level: 'ok', subject: 'schema', message: 'up to date' };
  if (config.database.migrate_on_start) return { level: 'ok', subject: 'schema', message: 'is brought up to date at the next start' };
  return { level: 'fail', subject: 'schema', message: 'migrations are pending', remedy: 'Run `npm run migrate`.' };
}

/** Replicas hand leases to each other by the time; the database's clock stands for the others'. */
async function* skew(opened: Database, clock: Clock): AsyncGenerator<Finding> {
  if (opened.dialect === 'sqlite') return;
  const before = clock.nowMs();
  const [row] = await rows<{ now: number }>(opened.manager, 'SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now');
  if (row === undefined) return;
  const skewMs = Math.round(row.now - (before + clock.nowMs()) / 2);
  const message = `${Math.abs(skewMs)} ms ${skewMs < 0 ? 'ahead of' : 'behind'} the database’s`;
  if (Math.abs(skewMs) <= MAX_SKEW_MS) yield { level: 'ok', subject: 'clock', message };
  else yield { level: 'warn', subject: 'clock', message, remedy: 'Keep all machines’ clocks right by NTP; leases are handed on by them.' };
}

export function isSqlite({ database_url: url }: Config): boolean {
  return url.startsWith('sqlite:');
}
