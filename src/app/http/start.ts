import { setTimeout as delay } from 'node:timers/promises';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { HealthService } from '../../api/health/index.js';
import { ProviderRegistry } from '../../domain/providers/index.js';
import { BlobStore } from '../../domain/storage/index.js';
import { ApiError, listenFailure, whyNoFiles } from '../../platform/common/index.js';
import { type Config, ConfigError, type Exposure } from '../../platform/config/index.js';
import { Database, databaseFailure, lockForGateway, reachDatabase } from '../../platform/database/index.js';
import { SecretRegistry } from '../../platform/security/index.js';
import type { StopTracing } from '../../platform/tracing/index.js';
import { VERSION } from '../version.js';
import { createApplication } from './application.js';
import { banner, startedFacts } from './banner.js';
import { Connections } from './connections.js';
import { handleStrayErrors } from './last-resort.js';
import { PinoLoggerService } from './logging.js';
import { listenRefusal } from './start-failure.js';
import { collectStartupGarbage } from './startup-garbage.js';

export interface StartFacts {
  /** Files that settings come from. */
  readonly files: readonly string[];
  readonly exposure: Exposure;
  readonly stopTracing?: StopTracing;
}

/** Starts the gateway and keeps it running until a signal ends it. @throws ConfigError for whatever an operator can mend */
export async function start(config: Config, facts: StartFacts): Promise<void> {
  const secrets = new SecretRegistry();
  const logger = new PinoLoggerService(config, secrets);
  logWarnings(logger);
  // Before the database, so that who starts a second gateway by mistake hears of the port at once.
  const failure = await listenFailure(config.server.host, config.server.port);
  if (failure !== undefined) throw listenRefusal(failure, config.server);
  await reachDatabase(config, (line) => logger.warn(line, 'Database'));
  // Before anything reads or migrates it: the one that still uses it may be finishing what it has.
  const lock = await lockForGateway(config, (line) => logger.warn(line, 'Database'));
  const app = await prepared(config, createApplication(config, { secrets, logger }));
  handleStrayErrors(app.get(ProviderRegistry), logger);
  const database = app.get(Database);
  if (config.database.migrate_on_start) {
    const applied = await prepared(config, database.migrate(config.database.migration_wait_seconds));
    if (applied.length > 0) logger.log(`The schema was brought up to date (${applied.length} migrations)`, 'Database');
    for (const name of applied) logger.debug(`Applied ${name}`, 'Database');
  } else if (await database.pendingMigrations()) {
    throw new ConfigError([
      'database.migrate_on_start is false, and the schema is not up to date: run `litegen migrate` (`npm run migrate` in a clone) first',
    ]);
  }
  await checkFolder(app, config);
  if (facts.exposure.kind === 'open') logger.warn(facts.exposure.message, 'Exposure');
  const connections = new Connections(app);
  try {
    await app.listen(config.server.port, config.server.host);
  } catch (error) {
    throw listenRefusal(error, config.server);
  }
  endOnSignals(logger, async (signal) => {
    app.get(HealthService).drain();
    connections.leave();
    // Whoever presses Ctrl-C has no balancer; everybody else's needs a moment to see that this process is going.
    if (signal === 'SIGTERM') await delay(config.server.drain_delay_seconds * 1000);
    connections.end(config.server.shutdown_grace_seconds * 1000);
    await app.close();
    await lock.release();
    await facts.stopTracing?.();
  });
  collectStartupGarbage();
  const started = startedFacts(app, facts);
  if (logger.isJson) {
    const { url, bound, providers, unconfigured, files } = started;
    logger.announce({ version: VERSION, url, bound, providers, unconfigured, files }, `LiteGen is ready at ${url}`);
  } else if (config.observability.log_level !== 'silent') process.stdout.write(banner(started));
}

/** Node's own lines on stderr would be no JSON among JSON. */
function logWarnings(logger: PinoLoggerService): void {
  process.removeAllListeners('warning');
  process.on('warning', ({ name, message }) => {
    // The AWS SDK announces the end of its support of Node 20 at every start; its release that is pinned here works on it.
    if (name === 'NodeVersionSupportWarning') logger.debug(message, 'Node');
    else logger.warn(`${name}: ${message}`, 'Node');
  });
}

/** What was made ready, or the failure in the words of the settings. */
async function prepared<T>(config: Config, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ApiError && error.code === 'storage_unavailable') throw new ConfigError([`storage.path: ${error.message}`]);
    throw databaseFailure(error, config);
  }
}

/** A folder of files that belongs to somebody else makes every answer an error; a full disk, which somebody empties, does not end a start. */
async function checkFolder(app: NestFastifyApplication, { storage }: Config): Promise<void> {
  if (storage.backend !== 'local') return;
  try {
    await app.get(BlobStore).check();
  } catch (error) {
    const { cause, message } = error as Error;
    const { code = '' } = (cause ?? error) as NodeJS.ErrnoException;
    if (!/^(EACCES|EPERM|EROFS|ENOTDIR)$/.test(code)) return;
    const reason = whyNoFiles(storage.path) ?? message;
    throw new ConfigError([
      `storage.path: ${storage.path} cannot be used: ${reason}. Change its owner or mode, or set LITEGEN__STORAGE__PATH.`,
    ]);
  }
}

function endOnSignals(logger: PinoLoggerService, close: (signal: NodeJS.Signals) => Promise<void>): void {
  let ending = false;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (ending) return;
    ending = true;
    logger.log(`Received ${signal}: no longer ready, finishing what is in progress`, 'Shutdown');
    try {
      await close(signal);
      logger.log('Stopped', 'Shutdown');
      process.exit(0);
    } catch (error) {
      logger.error(error, 'Shutdown');
      process.exit(1);
    }
  };
  process.on('SIGTERM', () => void end('SIGTERM'));
  process.on('SIGINT', () => void end('SIGINT'));
}
