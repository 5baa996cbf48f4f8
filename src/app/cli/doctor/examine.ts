import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openBlobStore } from '../../../domain/storage/index.js';
import { Clock, listenFailure } from '../../../platform/common/index.js';
import { assessExposure, type Config, ConfigError, type LoadedConfig } from '../../../platform/config/index.js';
import { openDataSources } from '../../../platform/database/index.js';
import { Redis } from '../../../platform/redis/index.js';
import { examineApplication } from './examine-application.js';
import { examineDatabase, isSqlite } from './examine-database.js';
import { type DoctorHost, type ExamineOptions, type Finding, firstLine } from './finding.js';

const DAY_MS = 86_400_000;
const SECRETS_KEY_BYTES = 32;
const BINDING_REMEDY =
  'Run `npm rebuild sqlite3`. Where no ready-made binary exists it is compiled, for which Python 3, make and a C++ compiler are needed. ' +
  'With npm 12 the install script runs only when package.json lists it under allowScripts. Or use Postgres: LITEGEN__DATABASE_URL=postgres://…';

/** Everything that can keep a gateway from working, one finding each; what depends on something broken is left out. */
export async function* examine(host: DoctorHost, options: ExamineOptions = {}): AsyncGenerator<Finding> {
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
  yield secretsAtRest(config);
  yield clockAgainstRelease(host, clock);
  const binding = await sqliteBinding(config);
  yield binding;
  if (binding.level !== 'fail') yield* examineDatabase(config, host.migrations, clock);
  yield await storage(config, clock);
  yield await redis(config, clock);
  yield await port(config);
  // Nothing of what is looked at needs the real database, which may be down.
  if (binding.level === 'ok') yield* examineApplication({ ...config, database_url: 'sqlite://:memory:' }, host, options);
}

/** By a write and a read, as requests use it. */
async function redis(config: Config, clock: Clock): Promise<Finding> {
  const { url } = config.redis;
  if (url === undefined) return { level: 'skip', subject: 'redis', message: 'redis.url is not set; every process counts for itself' };
  const place = new URL(url).host;
  const connection = new Redis(config, clock);
  try {
    await connection.onModuleInit();
    const key = connection.keyOf('doctor');
    await connection.run(async (client) => client.set(key, 'ok', { expiration: { type: 'EX', value: 10 } }));
    await connection.run(async (client) => client.del(key));
    return { level: 'ok', subject: 'redis', message: `${place} can be written to` };
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? firstLine(error.cause) : firstLine(error);
    return {
      level: 'fail',
      subject: 'redis',
      message: `${place} cannot be used: ${cause}`,
      remedy: 'Check redis.url and that the server runs; requests with rates are refused while it is away.',
    };
  } finally {
    connection.onApplicationShutdown();
  }
}

async function port({ server: { host, port } }: Config): Promise<Finding> {
  const failure = await listenFailure(host, port);
  if (failure === undefined) {
    return { level: 'ok', subject: 'port', message: `${port} of ${host} is free` };
  }
  if (failure.code === 'EADDRINUSE') {
    return {
      level: 'warn',
      subject: 'port',
      message: `${port} of ${host} is taken, by this gateway or another program`,
      remedy: 'Choose another with LITEGEN__SERVER__PORT unless it is the gateway that runs.',
    };
  }
  return {
    level: 'fail',
    subject: 'port',
    message: `${port} of ${host} cannot be listened on: ${firstLine(failure)}`,
    remedy: 'Check server.host and server.port.',
  };
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
    remedy: 'Correct it in litegen.yaml or in the environment; docs/operate/configuration.md lists every key.',
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

/** The pepper of keys' hashes, the key of signed links and the one that seals webhooks' secrets lie in the database. */
function secretsAtRest({ secrets_key: key }: Config): Finding {
  const remedy = 'Set LITEGEN__SECRETS_KEY to what `openssl rand -base64 32` prints, and keep a copy of it beside the backups.';
  if (key === undefined || key === '') {
    return {
      level: 'warn',
      subject: 'secrets',
      message:
        'no secrets_key: whoever reads the database or a backup of it can sign links to files, read webhooks’ secrets and test guesses of keys',
      remedy,
    };
  }
  const bytes = Buffer.from(key, 'base64').length;
  if (bytes !== SECRETS_KEY_BYTES) {
    return { level: 'fail', subject: 'secrets', message: `secrets_key is ${bytes} bytes long, and has to be ${SECRETS_KEY_BYTES}`, remedy };
  }
  return { level: 'ok', subject: 'secrets', message: 'the installation’s own secrets are sealed in the database' };
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
