import { ProviderError } from '@litegen/plugin-sdk';
import { Logger } from '@nestjs/common';
import type { Clock } from '../../../platform/common/index.js';
import type { HostCall } from '../call/index.js';
import type { LoadedProvider } from '../provider.types.js';
import type { PluginFaults } from './plugin-faults.js';
import { insidePlugin } from './plugin-scope.js';

/** What a plugin may take to end a call after its signal, with the better words that it may have for it. */
const END_GRACE_MS = 2_000;

export interface PluginTask<T> {
  /** For messages, such as `start of litegen-img-1`. */
  readonly what: string;
  readonly call: HostCall;
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
  async run<T>({ pluginId }: Pick<LoadedProvider, 'pluginId'>, task: PluginTask<T>): Promise<T> {
    const reason = this.faults.takenOut(pluginId);
    if (reason !== undefined) throw outOfUse(pluginId, reason);
    const beganMs = this.clock.monotonicMs();
    const answer = insidePlugin(pluginId, async () => task.run());
    const { signal } = task.call;
    let timer: NodeJS.Timeout | undefined;
    let onAbort = (): void => undefined;
    const givenUp = new Promise<never>((_resolve, reject) => {
      onAbort = () => {
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
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
    try {
      return await Promise.race([answer, givenUp]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
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
