import type { JsonObject, PluginLogger } from '@litegen/plugin-sdk';
import { Logger } from '@nestjs/common';
import { Clock } from '../../platform/common/index.js';
import type { SecretRegistry } from '../../platform/security/index.js';

/** Lines of a provider that are written at once, and then each second; more are counted. */
const LOG_BURST_LINES = 500;
const LOG_LINES_PER_SECOND = 50;
/** Characters of a line's message, and of its fields as JSON. */
const LONGEST_TEXT = 16_384;

/** How much a provider may still log, in this process. */
class LogAllowance {
  private readonly clock = new Clock();
  private left = LOG_BURST_LINES;
  private atMs = this.clock.monotonicMs();
  private suppressed = 0;

  /** Undefined: not now. Else how many lines were left out before this one. */
  take(): number | undefined {
    const nowMs = this.clock.monotonicMs();
    this.left = Math.min(LOG_BURST_LINES, this.left + ((nowMs - this.atMs) * LOG_LINES_PER_SECOND) / 1000);
    this.atMs = nowMs;
    if (this.left < 1) {
      this.suppressed += 1;
      return undefined;
    }
    this.left -= 1;
    const { suppressed } = this;
    this.suppressed = 0;
    return suppressed;
  }
}

const allowances = new Map<string, LogAllowance>();

function allowanceOf(providerId: string): LogAllowance {
  const known = allowances.get(providerId) ?? new LogAllowance();
  allowances.set(providerId, known);
  return known;
}

/** A plugin's log: its lines carry the given fields, no secret however the plugin got hold of it, and are not endless in length or number. */
export function createPluginLogger(providerId: string, secrets: SecretRegistry, fields: JsonObject = {}): PluginLogger {
  const logger = new Logger(`provider:${providerId}`);
  const allowance = allowanceOf(providerId);
  const at = (write: (line: object) => void) => (message: string, own?: JsonObject) => {
    const leftOut = allowance.take();
    if (leftOut === undefined) return;
    if (leftOut > 0) logger.warn(`${leftOut} lines of the provider ${providerId} were left out: it logs too much`);
    const text = String(message).slice(0, LONGEST_TEXT);
    const line = { ...boundedFields(own), ...fields, provider: providerId, message: text };
    write(JSON.parse(secrets.redactText(JSON.stringify(line))) as object);
  };
  return {
    debug: at((line) => logger.debug(line)),
    info: at((line) => logger.log(line)),
    warn: at((line) => logger.warn(line)),
    error: at((line) => logger.error(line)),
  };
}

/** What cannot be written as JSON, or would make a book of it, is left out. */
function boundedFields(own: JsonObject | undefined): JsonObject {
  if (own === undefined) return {};
  try {
    return JSON.stringify(own).length > LONGEST_TEXT ? { fields: 'left out: too long' } : own;
  } catch {
    return { fields: 'left out: no JSON' };
  }
}
