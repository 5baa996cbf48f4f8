import type { JsonObject, PluginLogger } from '@litegen/plugin-sdk';
import { Logger } from '@nestjs/common';
import type { SecretRegistry } from '../security/index.js';

/** A plugin's log: its lines carry the given fields, and no secret however the plugin got hold of it. */
export function createPluginLogger(providerId: string, secrets: SecretRegistry, fields: JsonObject = {}): PluginLogger {
  const logger = new Logger(`provider:${providerId}`);
  const line = (message: string, own: JsonObject | undefined): object =>
    JSON.parse(secrets.redactText(JSON.stringify({ ...own, ...fields, provider: providerId, message }))) as object;
  return {
    debug: (message, own) => logger.debug(line(message, own)),
    info: (message, own) => logger.log(line(message, own)),
    warn: (message, own) => logger.warn(line(message, own)),
    error: (message, own) => logger.error(line(message, own)),
  };
}
