import type { ProviderRegistry } from '../../domain/providers/index.js';
import type { PinoLoggerService } from './logging.js';

/**
 * What becomes of an error that nobody caught. A plugin's is contained, counted and logged with the plugin's name; after any other the state of
 * the process is not known, and it ends: others take over what it held when its leases lapse.
 */
export function handleStrayErrors(registry: Pick<ProviderRegistry, 'contain'>, logger: Pick<PinoLoggerService, 'fatal'>): void {
  process.on('uncaughtException', (error) => {
    if (!registry.contain(error, 'uncaught_exception')) end('An error that nobody caught ends the process', error);
  });
  process.on('unhandledRejection', (reason) => {
    if (!registry.contain(reason, 'unhandled_rejection')) end('A rejected promise that nobody handled ends the process', reason);
  });

  function end(what: string, error: unknown): void {
    try {
      logger.fatal(`${what}: ${error instanceof Error ? error.stack : String(error)}`, 'Process');
    } finally {
      process.exit(1);
    }
  }
}
