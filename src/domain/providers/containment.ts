import { AsyncLocalStorage } from 'node:async_hooks';
import { sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type JsonObject, type PluginLogger, ProviderError } from '@litegen/plugin-sdk';
import { Logger } from '@nestjs/common';
import { Clock, stackOf } from '../../platform/common/index.js';
import type { MetricsService } from '../../platform/metrics/index.js';
import type { SecretRegistry } from '../../platform/security/index.js';
import type { PluginPackage } from './plugin-manifest.js';

/** What a plugin may take to end a call after its signal, with the better words that it may have for it. */
const END_GRACE_MS = 2_000;

export interface PluginTask<T> {
  /** For messages, such as `start of litegen-img-1`. */
  readonly what: string;
  readonly call: {
    readonly signal: AbortSignal;
    /** Whether anything may have reached the vendor. */
    hasSent(): boolean;
  };
  readonly run: () => Promise<T> | T;
  /** What of an answer that comes too late is worth a line in the log. */
  readonly describe?: (answer: T) => string;
}

/** Every call into a plugin's code goes through here. */
export class PluginCalls {
  private readonly logger = new Logger('plugins');

  constructor(
    private readonly faults: PluginFaults,
    private readonly clock: Clock,
  ) {}

  /**
   * Ends with the call's signal, whatever the plugin does. What the plugin brings after that changes nothing; it is logged once.
   * @throws ProviderError `unavailable` for a plugin that is out of use, `timeout` for a call that did not end; what the plugin throws
   */
  async run<T>({ pluginId }: { readonly pluginId: string }, task: PluginTask<T>): Promise<T> {
    const reason = this.faults.takenOut(pluginId);
    if (reason !== undefined) throw outOfUse(pluginId, reason);
    const beganMs = this.clock.monotonicMs();
    const answer = insidePlugin(pluginId, async () => task.run());
    const { signal } = task.call;
    return new Promise<T>((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const onAbort = (): void => {
        timer = setTimeout(() => {
          const ended = this.faults.abandoned(pluginId, `the ${task.what}`);
          void this.awaitLate(answer, pluginId, task, beganMs).finally(ended);
          reject(
            new ProviderError('timeout', `The plugin ${pluginId} did not end its call in time.`, {
              charged: task.call.hasSent() ? 'unknown' : 'no',
            }),
          );
        }, END_GRACE_MS);
      };
      const over = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      };
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
      answer.then(
        (value) => {
          over();
          resolve(value);
        },
        (error: unknown) => {
          over();
          reject(error);
        },
      );
    });
  }

  private async awaitLate<T>(answer: Promise<T>, pluginId: string, task: PluginTask<T>, beganMs: number): Promise<void> {
    let end: string;
    try {
      const value = await answer;
      end = `brought an answer${task.describe === undefined ? '' : ` (${describe(value, task.describe)})`}`;
    } catch (error) {
      end = `failed (${error instanceof Error ? error.message : String(error)})`;
    }
    const seconds = Math.round((this.clock.monotonicMs() - beganMs) / 1000);
    this.logger.warn(`The plugin ${pluginId} ended the ${task.what} after ${seconds} s, too late: it ${end}, which changes nothing`);
  }
}

function outOfUse(pluginId: string, reason: string): ProviderError {
  return new ProviderError('unavailable', `The plugin ${pluginId} is disabled until the gateway restarts: ${reason}.`);
}

function describe<T>(value: T, how: (answer: T) => string): string {
  try {
    return how(value);
  } catch {
    return 'of no known shape';
  }
}

/** So many errors that nobody caught, within {@link FAULT_WINDOW_MS}, take a plugin out of use. */
const MAX_STRAY_ERRORS = 5;
const FAULT_WINDOW_MS = 600_000;
/** So many calls that were given up and have not ended, at the same time, do so as well: each holds what it works on. */
const MAX_ABANDONED_CALLS = 20;

export type StrayError = 'uncaught_exception' | 'unhandled_rejection';

interface FaultServices {
  readonly clock: Clock;
  readonly metrics: Pick<MetricsService, 'pluginFault' | 'pluginTakenOut'>;
  readonly secrets: SecretRegistry;
}

interface FaultRecord {
  /** When stray errors came, monotonic. */
  strayAtMs: number[];
  abandoned: number;
  takenOut?: string;
}

/** What plugins did that a call cannot report, and which of them are out of use for it until the process starts again. */
export class PluginFaults {
  private readonly records = new Map<string, FaultRecord>();
  private takings = 0;
  private readonly logger = new Logger('plugins');

  constructor(
    private readonly packages: readonly PluginPackage[],
    /** The gateway's own code, whose errors are nobody else's. */
    private readonly ownDirectories: readonly string[],
    private readonly services: FaultServices,
  ) {}

  /** How often the answers of {@link takenOut} have changed. */
  get changes(): number {
    return this.takings;
  }

  /** Why a plugin is out of use. */
  takenOut(pluginId: string): string | undefined {
    return this.records.get(pluginId)?.takenOut;
  }

  /** The plugins that are out of use, with the reason of each. */
  allTakenOut(): ReadonlyMap<string, string> {
    return new Map([...this.records].flatMap(([id, { takenOut }]) => (takenOut === undefined ? [] : [[id, takenOut] as const])));
  }

  /**
   * Takes an error that nobody caught, if it is a plugin's: by the files in its stack, else by whose code was running.
   * @returns false for one that is not
   */
  contain(error: unknown, kind: StrayError): boolean {
    const pluginId = this.ownerOf(error, kind);
    if (pluginId === undefined) return false;
    const { clock, metrics, secrets } = this.services;
    const record = this.record(pluginId);
    const nowMs = clock.monotonicMs();
    record.strayAtMs = [...record.strayAtMs.filter((atMs) => nowMs - atMs < FAULT_WINDOW_MS), nowMs];
    metrics.pluginFault(pluginId, kind);
    const what = kind === 'uncaught_exception' ? 'threw an error outside of any call' : 'left a rejected promise behind';
    this.logger.error(secrets.redactText(`The plugin ${pluginId} ${what}: ${stackOf(error)}`));
    if (record.strayAtMs.length >= MAX_STRAY_ERRORS) {
      this.takeOut(pluginId, `${record.strayAtMs.length} errors outside of its calls within ${FAULT_WINDOW_MS / 60_000} minutes`);
    }
    return true;
  }

  /** A call was given up and goes on all the same. @returns to be told of its end */
  abandoned(pluginId: string, what: string): () => void {
    const record = this.record(pluginId);
    record.abandoned += 1;
    this.services.metrics.pluginFault(pluginId, 'abandoned_call');
    this.logger.error(`The plugin ${pluginId} did not stop ${what} when it was aborted`);
    if (record.abandoned >= MAX_ABANDONED_CALLS)
      this.takeOut(pluginId, `${record.abandoned} calls at once that did not end when they were given up`);
    return () => {
      record.abandoned -= 1;
    };
  }

  private takeOut(pluginId: string, reason: string): void {
    const record = this.record(pluginId);
    if (record.takenOut !== undefined) return;
    record.takenOut = reason;
    this.takings += 1;
    this.services.metrics.pluginTakenOut(pluginId);
    this.logger.error(`The plugin ${pluginId} is disabled until the gateway restarts: ${reason}`);
  }

  private record(pluginId: string): FaultRecord {
    let record = this.records.get(pluginId);
    if (record === undefined) {
      record = { strayAtMs: [], abandoned: 0 };
      this.records.set(pluginId, record);
    }
    return record;
  }

  private ownerOf(error: unknown, kind: StrayError): string | undefined {
    const stack = stackOf(error);
    const byFile = this.packages.find(({ directory }) => mentions(stack, directory))?.manifest.id;
    if (byFile !== undefined) return byFile;
    const running = currentPlugin();
    // A plugin may leave a promise of the gateway's alone; an exception out of the gateway's own code is its own.
    if (kind === 'uncaught_exception' && this.ownDirectories.some((directory) => mentions(stack, directory))) return undefined;
    return running;
  }
}

function mentions(stack: string, directory: string): boolean {
  return stack.includes(directory + sep) || stack.includes(`${pathToFileURL(directory).href}/`);
}

/** Whose code runs: a plugin's id, or undefined for the gateway's own. */
const scope = new AsyncLocalStorage<string | undefined>();

/** Runs a plugin's code, so that whatever it leaves behind (a timer, a promise that nobody waits for) is known for its own. */
export function insidePlugin<T>(pluginId: string, run: () => T): T {
  return scope.run(pluginId, run);
}

/** Runs what the gateway does on behalf of a plugin. */
export function outsidePlugins<T>(run: () => T): T {
  return scope.run(undefined, run);
}

function currentPlugin(): string | undefined {
  return scope.getStore();
}

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
