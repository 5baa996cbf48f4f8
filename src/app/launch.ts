import { assessExposure, ConfigError, loadConfig, type Overrides, readEnvironmentFile } from '../platform/config/index.js';
import { startTracing } from '../platform/tracing/index.js';
import { useCompileCache } from './compile-cache.js';
import { leaveOutDrivers } from './drivers.js';
import { tellStartFailure } from './http/start-failure.js';

/**
 * Settings first, then tracing (which must be there before what it traces), then the application. What keeps it from starting is told in a
 * sentence, and ends the process with 1.
 * @param overrides what the command line says
 */
export async function launch(overrides: Overrides = {}): Promise<void> {
  try {
    const environmentFile = readEnvironmentFile();
    const { config, file } = loadConfig(undefined, undefined, overrides);
    const exposure = assessExposure(config);
    if (exposure.kind === 'refused') throw new ConfigError([exposure.message]);
    const stopTracing = await startTracing(config);
    useCompileCache();
    leaveOutDrivers();
    const { start } = await import('./http/start.js');
    const files = [file, environmentFile].filter((name) => name !== undefined);
    await start(config, { files, exposure, stopTracing });
  } catch (error) {
    tellStartFailure(error);
    process.exitCode = 1;
    // A half-built application may hold sockets and timers.
    setImmediate(() => process.exit(1));
  }
}
