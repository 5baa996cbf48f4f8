import { sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Logger } from '@nestjs/common';
import { type Clock, stackOf } from '../../../platform/common/index.js';
import type { MetricsService } from '../../../platform/metrics/index.js';
import type { SecretRegistry } from '../../../platform/security/index.js';
import type { PluginPackage } from '../plugin-manifest.js';
import { currentPlugin } from './plugin-scope.js';

/** So many errors that nobody caught, within {@link FAULT_WINDOW_MS}, take a plugin out of use. */
const MAX_STRAY_ERRORS = 5;
const FAULT_WINDOW_MS = 600_000;
/** So many calls that were given up and have not ended, at the same time, do so as well: each holds what it works on. */
const MAX_ABANDONED_CALLS = 20;

export type StrayError = 'uncaught_exception' | 'unhandled_rejection';

export interface FaultServices {
  readonly clock: Clock;
  readonly metrics: Pick<MetricsService, 'pluginFault' | 'pluginTakenOut'>;
  readonly secrets: SecretRegistry;
}

interface Record {
  /** When stray errors came, monotonic. */
  strayAtMs: number[];
  abandoned: number;
  takenOut?: string;
}

/** What plugins did that a call cannot report, and which of them are out of use for it until the process starts again. */
export class PluginFaults {
  private readonly records = new Map<string, Record>();
  private readonly logger = new Logger('plugins');

  constructor(
    private readonly packages: readonly PluginPackage[],
    /** The gateway's own code, whose errors are nobody else's. */
    private readonly ownDirectories: readonly string[],
    private readonly services: FaultServices,
  ) {}

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
    this.services.metrics.pluginTakenOut(pluginId);
    this.logger.error(`The plugin ${pluginId} is disabled until the gateway restarts: ${reason}`);
  }

  private record(pluginId: string): Record {
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
