import type { LoggerService } from '@nestjs/common';
import { type Logger as PinoLogger, pino } from 'pino';
import type { Config } from '../config/index.js';
import { mayCarrySecrets, REDACTED, redactPaths, type SecretRegistry } from '../security/index.js';

/** Where log lines go; tests hand in their own. */
export interface LogDestination {
  write(line: string): void;
}

/** Nest's own account of its start, which nobody asked for. */
const FRAMEWORK = new Set(['InstanceLoader', 'NestFactory', 'RoutesResolver', 'RouterExplorer', 'NestApplication']);

/** Nest's logger on pino: JSON lines, secrets replaced by path and by value. */
export class PinoLoggerService implements LoggerService {
  private readonly pino: PinoLogger;
  /** For lines whose names carry no secret. */
  private readonly plain: PinoLogger;

  constructor(config: Pick<Config, 'observability'>, secrets: SecretRegistry, destination: LogDestination = process.stdout) {
    const asJson = config.observability.json_logs ?? !process.stdout.isTTY;
    const options = {
      level: config.observability.log_level,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label: string) => ({ level: label }) },
    };
    // The last gate: whatever an object or a stack trace smuggled in is replaced in the finished line.
    const gate = {
      write: (line: string) => destination.write(asJson ? secrets.redactText(line) : readable(secrets.redactText(line))),
    };
    this.plain = pino(options, gate);
    this.pino = pino({ ...options, redact: { paths: redactPaths(), censor: REDACTED } }, gate);
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.write('info', message, rest);
  }
  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }
  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }
  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }
  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }
  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  /** Nest passes the context last, and a stack before it for errors. */
  private write(wanted: 'info' | 'error' | 'warn' | 'debug' | 'trace' | 'fatal', message: unknown, rest: unknown[]): void {
    const texts = rest.filter((value): value is string => typeof value === 'string');
    const context = texts.at(-1);
    const level = wanted === 'info' && context !== undefined && FRAMEWORK.has(context) ? 'debug' : wanted;
    if (!this.pino.isLevelEnabled(level)) return;
    const stack = texts.length > 1 ? texts[0] : undefined;
    const fields = { ...(context === undefined ? {} : { context }), ...(stack === undefined ? {} : { stack }) };
    if (typeof message === 'object' && message !== null && !(message instanceof Error)) {
      const { message: text, requestId, durationMs, ...more } = message as Record<string, unknown>;
      const logger = mayCarrySecrets(message as Record<string, unknown>) ? this.pino : this.plain;
      logger[level](
        {
          ...fields,
          ...(requestId === undefined ? {} : { request_id: requestId }),
          ...(durationMs === undefined ? {} : { duration_ms: durationMs }),
          ...more,
        },
        String(text ?? ''),
      );
      return;
    }
    this.plain[level](fields, message instanceof Error ? (message.stack ?? message.message) : String(message));
  }
}

/** For people at a terminal. */
function readable(line: string): string {
  const { time, level, msg, context, stack, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const more = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields)}`;
  return `${String(time)} ${String(level).toUpperCase().padEnd(5)} ${context === undefined ? '' : `[${String(context)}] `}${String(msg)}${more}${stack === undefined ? '' : `\n${String(stack)}`}\n`;
}
