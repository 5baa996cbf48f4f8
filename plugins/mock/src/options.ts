import { isAbsolute } from 'node:path';
import type { JsonObject } from '@litegen/plugin-sdk';

export interface MockOptions {
  /** How long work takes when the request does not say, milliseconds. */
  readonly latencyMs: number;
  /** Where the played vendor keeps its jobs. Absent: nowhere. */
  readonly stateDirectory?: string;
}

const MAX_LATENCY_MS = 3_600_000;

/** Reads the operator's `providers.mock.options`. @throws Error naming the option that is wrong. */
export function readOptions(options: JsonObject): MockOptions {
  const { latency_ms: latencyMs = 0, state_directory: stateDirectory, ...unknown } = options;
  const [stranger] = Object.keys(unknown);
  if (stranger !== undefined) throw new Error(`options.${stranger} is not known; there are latency_ms and state_directory`);
  if (typeof latencyMs !== 'number' || !Number.isSafeInteger(latencyMs) || latencyMs < 0 || latencyMs > MAX_LATENCY_MS) {
    throw new Error(`options.latency_ms is a whole number of milliseconds from 0 to ${MAX_LATENCY_MS}`);
  }
  if (stateDirectory === undefined) return { latencyMs };
  if (typeof stateDirectory !== 'string' || !isAbsolute(stateDirectory)) throw new Error('options.state_directory is an absolute path');
  return { latencyMs, stateDirectory };
}
