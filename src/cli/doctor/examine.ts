import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Clock } from '../../common/index.js';
import { assessExposure, type Config, ConfigError, type LoadedConfig } from '../../config/index.js';
import { openDataSources } from '../../database/index.js';
import { openBlobStore } from '../../storage/index.js';
import { examineApplication } from './examine-application.js';
import { examineDatabase, isSqlite } from './examine-database.js';
import { type DoctorHost, type Finding, firstLine } from './finding.js';

const DAY_MS = 86_400_000;
const BINDING_REMEDY =
  'Run `npm rebuild sqlite3`. Where no ready-made binary exists it is compiled, for which Python 3, make and a C++ compiler are needed. ' +
  'With npm 12 the install script runs only when package.json lists it under allowScripts. Or use Postgres: LITEGEN__DATABASE_URL=postgres://…';

/** Everything that can keep a gateway from working, one finding each; what depends on something broken is left out. */
export async function* examine(host: DoctorHost): AsyncGenerator<Finding> {
  const clock = new Clock();
  yield node(host);
  let loaded: LoadedConfig;
  try {
    loaded = host.loadConfig();
  } catch (error) {
    yield* configurationFailures(error);
    return;
  }
  const { config, file } = loaded;
  yield { level: 'ok', subject: 'settings', message: file ?? 'defaults and environment (no litegen.yaml)' };
  yield exposure(config);
  yield clockAgainstRelease(host, clock);
  const binding = await sqliteBinding(config);
  yield binding;
  if (binding.level !== 'fail') yield* examineDatabase(config, host.migrations, clock);
  yield await storage(config, clock);
  // Nothing of what is looked at needs the real database, which may be down.
  if (binding.level === 'ok') yield* examineApplication({ ...config, database_url: 'sqlite://:memory:' }, host);
}

function node({ nodeRange, nodeVersion }: DoctorHost): Finding {
  const [major = 0, minor = 0] = nodeRange.replace(/^\D+/, '').split('.').map(Number);
  const [ownMajor = 0, ownMinor = 0] = nodeVersion.replace(/^v/, '').split('.').map(Number);
  const recent = ownMajor > major || (ownMajor === major && ownMinor >= minor);
  if (!recent) {
    return {
      level: 'fail',
      subject: 'node',
      message: `${nodeVersion}, needed is ${nodeRange}`,
      remedy: 'Install a newer Node from https://nodejs.org.',
    };
  }
  return { level: 'ok', subject: 'node', message: nodeVersion };
}

function configurationFailures(error: unknown): Finding[] {
  const problems = error instanceof ConfigError ? error.problems : [String(error)];
  return problems.map((message) => ({
    level: 'fail',
    subject: 'settings',
    message,
    remedy: 'Correct it in litegen.yaml or in the environment; docs/configuration.md lists every key.',
  }));
}

function exposure(config: Config): Finding {
  const assessed = assessExposure(config);
  switch (assessed.kind) {
    case 'protected':
      return { level: 'ok', subject: 'access', message: 'a master key is set' };
    case 'local':
      return { level: 'ok', subject: 'access', message: `no master key; only this machine reaches ${config.server.host}` };
    case 'open':
      return { level: 'warn', subject: 'access', message: assessed.message, remedy: 'Set LITEGEN__MASTER_KEY to a long random value.' };
    case 'refused':
      return { level: 'fail', subject: 'access', message: assessed.message, remedy: 'Set LITEGEN__MASTER_KEY to a long random value.' };
  }
}

/** Leases, links and signatures go by the clock. */
function clockAgainstRelease({ root }: DoctorHost, clock: Clock): Finding {
  const now = clock.nowMs();
  const released = statSync(join(root, 'package.json')).mtimeMs;
  if (now < released - DAY_MS) {
    return {
      level: 'fail',
      subject: 'clock',
      message: `it is ${new Date(now).toISOString()} here, before this version was installed`,
      remedy: 'Set the clock, best by NTP.',
    };
  }
  return { level: 'ok', subject: 'clock', message: new Date(now).toISOString() };
}

async function sqliteBinding(config: Config): Promise<Finding> {
  const level = isSqlite(config) ? 'fail' : 'warn';
  try {
    const { writer } = await openDataSources({ ...config, database_url: 'sqlite://:memory:' }, [], []);
    await writer.destroy();
    return { level: 'ok', subject: 'sqlite3', message: 'the native driver is there' };
  } catch (error) {
    return { level, subject: 'sqlite3', message: `the native driver cannot be loaded: ${firstLine(error)}`, remedy: BINDING_REMEDY };
  }
}

async function storage(config: Config, clock: Clock): Promise<Finding> {
  const { backend, path, s3 } = config.storage;
  const place = backend === 'local' ? path : `s3://${s3?.bucket_name ?? '?'}`;
  try {
    const store = await openBlobStore(config, clock.nowMs());
    await store.check();
    return { level: 'ok', subject: 'storage', message: `${place} can be written to and read` };
  } catch (error) {
    return {
      level: 'fail',
      subject: 'storage',
      message: `${place} cannot be used: ${firstLine(error)}`,
      remedy:
        backend === 'local'
          ? 'Check that the folder can be written to and that the disk has room.'
          : 'Check storage.s3: bucket, region, endpoint and credentials, and that they allow PutObject, GetObject and DeleteObject.',
    };
  }
}
