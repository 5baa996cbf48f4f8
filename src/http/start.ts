import { setTimeout as delay } from 'node:timers/promises';
import type { Config, Exposure } from '../config/index.js';
import { Database } from '../database/index.js';
import { HealthService } from '../health/index.js';
import { SecretRegistry } from '../security/index.js';
import type { StopTracing } from '../tracing/index.js';
import { createApplication } from './application.js';
import { Connections } from './connections.js';
import { PinoLoggerService } from './logging.js';

export interface StartFacts {
  readonly file?: string;
  readonly exposure: Exposure;
  readonly stopTracing?: StopTracing;
}

/** Starts the gateway and keeps it running until a signal ends it. */
export async function start(config: Config, facts: StartFacts): Promise<void> {
  const secrets = new SecretRegistry();
  const logger = new PinoLoggerService(config, secrets);
  const app = await createApplication(config, { secrets, logger });
  const database = app.get(Database);
  if (config.database.migrate_on_start) {
    for (const name of await database.migrate()) logger.log(`Migrated: ${name}`, 'Database');
  }
  if (facts.exposure.kind === 'open') logger.warn(facts.exposure.message, 'Exposure');
  const connections = new Connections(app);
  await app.listen(config.server.port, config.server.host);
  endOnSignals(logger, async (signal) => {
    app.get(HealthService).drain();
    connections.leave();
    // Whoever presses Ctrl-C has no balancer; everybody else's needs a moment to see that this process is going.
    if (signal === 'SIGTERM') await delay(config.server.drain_delay_seconds * 1000);
    connections.end(config.server.shutdown_grace_seconds * 1000);
    await app.close();
    await facts.stopTracing?.();
  });
  announce(await app.getUrl(), config, facts);
}

function announce(url: string, config: Config, facts: StartFacts): void {
  const base = url.replace('[::1]', '127.0.0.1').replace('[::]', '127.0.0.1').replace('0.0.0.0', '127.0.0.1');
  const lines = [
    '',
    `LiteGen is ready at ${base}`,
    `  API         ${base}/v1`,
    `  Swagger UI  ${base}/docs`,
    `  OpenAPI     ${base}/openapi.json`,
    `  Settings    ${facts.file ?? 'defaults and environment (no litegen.yaml)'}`,
    '',
    'Try it:',
    `  curl ${base}/v1/images/generations${facts.exposure.kind === 'protected' ? ' -H "Authorization: Bearer $LITEGEN_KEY"' : ''} \\`,
    `    -H 'Content-Type: application/json' \\`,
    `    -d '{"model": "mock/paint", "prompt": "a red fox under a teal sky"}'`,
    '',
  ];
  if (facts.exposure.kind === 'local') lines.push('No master key is set: everybody on this machine is an administrator.', '');
  if (config.observability.log_level !== 'silent') process.stdout.write(`${lines.join('\n')}\n`);
}

function endOnSignals(logger: PinoLoggerService, close: (signal: NodeJS.Signals) => Promise<void>): void {
  let ending = false;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (ending) return;
    ending = true;
    logger.log(`Received ${signal}: not ready any more, finishing what runs`, 'Shutdown');
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
