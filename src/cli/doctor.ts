import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { CatalogService } from '../catalog/index.js';
import { Clock } from '../common/index.js';
import { assessExposure, type Config, ConfigError, type LoadedConfig } from '../config/index.js';
import { Database, type MigrationList, openDataSources, rows, sqlitePath } from '../database/index.js';
import { ProviderRegistry } from '../providers/index.js';
import { openBlobStore } from '../storage/index.js';

export interface Finding {
  readonly level: 'ok' | 'warn' | 'fail';
  /** What was looked at, in a word. */
  readonly subject: string;
  readonly message: string;
  /** What to do about it. */
  readonly remedy?: string;
}

export interface DoctorHost {
  /** package.json's `engines.node`, such as `>=20.19.0`. */
  readonly nodeRange: string;
  /** The folder with package.json. */
  readonly root: string;
  readonly nodeVersion: string;
  readonly migrations: MigrationList;
  loadConfig(): LoadedConfig;
  /** The application, not yet listening. */
  createApplication(config: Config): Promise<NestFastifyApplication>;
}

const MAX_SKEW_MS = 2_000;
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
  if (binding.level !== 'fail') yield* database(config, host.migrations, clock);
  yield await storage(config, clock);
  // Nothing of what is looked at needs the real database, which may be down.
  if (binding.level === 'ok') yield* application({ ...config, database_url: 'sqlite://:memory:' }, host);
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

async function* database(config: Config, migrations: MigrationList, clock: Clock): AsyncGenerator<Finding> {
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
    if (!existsSync(path)) {
      yield firstStart(path);
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
      message: `cannot be reached: ${firstLine(error)}`,
      remedy: 'Check database_url, that the server runs, and that the user may connect.',
    };
    return;
  }
  try {
    await opened.check();
    yield { level: 'ok', subject: 'database', message: opened.dialect };
    yield await pending(opened, config);
    yield* skew(opened, clock);
  } finally {
    await opened.close();
  }
}

function firstStart(path: string): Finding {
  let folder = dirname(path);
  while (!existsSync(folder)) folder = dirname(folder);
  try {
    accessSync(folder, constants.W_OK);
    return { level: 'ok', subject: 'database', message: `${path} is made at the first start` };
  } catch {
    return {
      level: 'fail',
      subject: 'database',
      message: `${path} cannot be made: ${folder} cannot be written to`,
      remedy: 'Change the folder’s owner or mode, or set LITEGEN__DATABASE_URL.',
    };
  }
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

async function* application(config: Config, host: DoctorHost): AsyncGenerator<Finding> {
  let app: NestFastifyApplication;
  try {
    app = await host.createApplication(config);
  } catch (error) {
    const problems = error instanceof ConfigError ? error.problems : [firstLine(error)];
    yield* problems.map(
      (message): Finding => ({
        level: 'fail',
        subject: 'start',
        message,
        remedy: 'The gateway does not start like this. Capability files are described in docs/model-yaml.md.',
      }),
    );
    return;
  }
  try {
    yield* plugins(app.get(ProviderRegistry));
    yield models(app.get(CatalogService), app.get(ProviderRegistry));
    for (const message of app.get(CatalogService).warnings()) yield { level: 'warn', subject: 'models', message };
  } finally {
    await app.close();
  }
}

function* plugins(registry: ProviderRegistry): Generator<Finding> {
  const { providers, rejected } = registry.catalogEntries();
  for (const { name, reason } of rejected) {
    yield {
      level: 'warn',
      subject: 'plugin',
      message: `${name} is not used: ${reason}`,
      remedy: 'Mend or remove it; plugins.disabled leaves it out.',
    };
  }
  for (const { name, enabled, configured, missing, plugin } of providers) {
    const label = `${name} (${plugin.package} ${plugin.version})`;
    if (configured) yield { level: 'ok', subject: 'provider', message: `${label} can be called` };
    else if (!enabled) yield { level: 'ok', subject: 'provider', message: `${label} is switched off` };
    else yield { level: 'ok', subject: 'provider', message: `${label} is not configured; it needs ${missing.join(', ')}` };
  }
  if (!providers.some(({ configured }) => configured)) {
    yield {
      level: 'fail',
      subject: 'provider',
      message: 'no provider can be called, so the gateway would never be ready',
      remedy: 'Set a vendor’s key, such as OPENAI_API_KEY or FAL_KEY.',
    };
  }
}

function models(catalog: CatalogService, registry: ProviderRegistry): Finding {
  const all = catalog.models();
  const callable = all.filter(({ provider }) => registry.get(provider) !== undefined);
  if (all.length === 0) {
    return { level: 'fail', subject: 'models', message: 'there is no model', remedy: 'Check models_directory and the plugins.' };
  }
  return { level: 'ok', subject: 'models', message: `${all.length} in the catalogue, ${callable.length} of configured providers` };
}

function isSqlite({ database_url: url }: Config): boolean {
  return url.startsWith('sqlite:');
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message || error.name : String(error);
  return message.split('\n')[0] ?? message;
}
