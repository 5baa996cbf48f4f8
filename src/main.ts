import 'reflect-metadata';
import { assessExposure, ConfigError, loadConfig } from './config/index.js';
import { startTracing } from './tracing/index.js';

/** Settings first, then tracing (which must be there before what it traces), then the application. */
async function main(): Promise<void> {
  const { config, file } = loadConfig();
  const exposure = assessExposure(config);
  if (exposure.kind === 'refused') throw new ConfigError([exposure.message]);
  const stopTracing = await startTracing(config);
  const { start } = await import('./http/start.js');
  await start(config, { file, exposure, stopTracing });
}

main().catch((error: unknown) => {
  const message = error instanceof ConfigError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`LiteGen did not start.\n${message}\n`);
  process.exitCode = 1;
  // A half-built application may hold sockets and timers.
  setImmediate(() => process.exit(1));
});
