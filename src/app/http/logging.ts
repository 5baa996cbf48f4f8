import type { LoggerService } from '@nestjs/common';
import { type Logger as PinoLogger, pino } from 'pino';
import type { Config } from '../../platform/config/index.js';
import { mayCarrySecrets, REDACTED, redactPaths, type SecretRegistry } from '../../platform/security/index.js';

/** Where log lines go; tests hand in their own. */
export interface LogDestination {
  write(line: string): void;
}

/** As much as a line holds of any text, in characters. */
const LONGEST_TEXT = 16_384;

/** Nest's own account of its start, which nobody asked for. */
const FRAMEWORK = new Set(['InstanceLoader', 'NestFactory', 'RoutesResolver', 'RouterExplorer', 'NestApplication']);

/** What they say of a start that fails is told in a sentence by whoever called for it. */
const STARTERS = new Set(['ExceptionHandler', 'NestApplication']);

/** Nest's logger on pino: JSON lines, secrets replaced by path and by value. */
export class PinoLoggerService implements LoggerService {
  private readonly pino: PinoLogger;
  /** For lines whose names carry no secret. */
  private readonly plain: PinoLogger;
  readonly isJson: boolean;
  private readonly isSilent: boolean;

  constructor(config: Pick<Config, 'observability'>, secrets: SecretRegistry, destination: LogDestination = process.stdout) {
    const asJson = config.observability.json_logs ?? !process.stdout.isTTY;
    this.isJson = asJson;
    this.isSilent = config.observability.log_level === 'silent';
    const options = {
      level: config.observability.log_level,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label: string) => ({ level: label }) },
    };
    // The last gate: whatever an object or a stack trace smuggled in is replaced in the finished line.
    const gate = { write: (line: string) => destination.write(shown(line, secrets, asJson)) };
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

  /** A line of the start, whatever the least level is: it is how others know that it is over. */
  announce(fields: Readonly<Record<string, unknown>>, message: string): void {
    if (this.isSilent) return;
    const teller = this.plain.child({}, { level: 'info' });
    teller.info({ context: 'Start', ...fields }, message);
  }

  /** Nest passes the context last, and a stack before it for errors. */
  private write(wanted: 'info' | 'error' | 'warn' | 'debug' | 'trace' | 'fatal', message: unknown, rest: unknown[]): void {
    const texts = rest.filter((value): value is string => typeof value === 'string');
    const context = texts.at(-1);
    const isFramework = context !== undefined && ((wanted === 'info' && FRAMEWORK.has(context)) || STARTERS.has(context));
    const level = isFramework ? 'debug' : wanted;
    if (!this.pino.isLevelEnabled(level)) return;
    const stack = texts.length > 1 ? texts[0] : undefined;
    const fields = { ...(context === undefined ? {} : { context }), ...(stack === undefined ? {} : { stack: cut(stack) }) };
    if (typeof message === 'object' && message !== null && !(message instanceof Error)) {
      const { message: text, requestId, durationMs, ...more } = message as Record<string, unknown>;
      const logger = mayCarrySecrets(message as Record<string, unknown>) ? this.pino : this.plain;
      logger[level](
        {
          ...fields,
          ...(requestId === undefined ? {} : { request_id: requestId }),
          ...(durationMs === undefined ? {} : { duration_ms: durationMs }),
          ...cutFields(more),
        },
        cut(String(text ?? '')),
      );
      return;
    }
    this.plain[level](fields, cut(message instanceof Error ? (message.stack ?? message.message) : String(message)));
  }
}

/** A vendor's words, or a caller's. */
function cut(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT)}… of ${text.length} characters`;
}

function cutFields(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const isLong = (value: unknown): value is string => typeof value === 'string' && value.length > LONGEST_TEXT;
  if (!Object.values(fields).some(isLong)) return fields;
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, isLong(value) ? cut(value) : value]));
}

/** Whoever writes a line is in the middle of something else, often of a failure: that must not fail for the line's sake. */
function shown(line: string, secrets: SecretRegistry, asJson: boolean): string {
  try {
    const redacted = secrets.redactText(line);
    return asJson ? redacted : readable(redacted);
  } catch (error) {
    return `{"level":"error","msg":"A line of ${line.length} characters could not be written: ${(error as Error).name}"}\n`;
  }
}

/** For people at a terminal. */
function readable(line: string): string {
  const { time, level, msg, context, stack, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const more = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields)}`;
  return `${String(time)} ${String(level).toUpperCase().padEnd(5)} ${context === undefined ? '' : `[${String(context)}] `}${String(msg)}${more}${stack === undefined ? '' : `\n${String(stack)}`}\n`;
}
