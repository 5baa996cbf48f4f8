import type { Json } from '@litegen/plugin-sdk';
import { ProviderError } from '@litegen/plugin-sdk';
import type { Controls } from './directives.js';

/** Work that the played vendor took on. It is the operation itself, so that any process can carry on with it. */
export type Job<Spec extends Json = Json> = {
  kind: 'mock-job';
  version: 1;
  id: string;
  medium: 'image' | 'video';
  /** SHA-256 in hex of the request. */
  digest: string;
  /** Unix time, milliseconds. */
  submittedAtMs: number;
  /** When it is finished; null when it never will be. */
  readyAtMs: number | null;
  controls: Controls;
  /** How many outputs were asked for. */
  count: number;
  /** Of the first output; the others count on. */
  seed: number;
  /** The prompt without directives. */
  text: string;
  spec: Spec;
};

/** Whether a JSON value is a job of this plugin. */
export function isJob(value: Json | undefined): value is Job {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && value['kind'] === 'mock-job' && value['version'] === 1;
}

/** @throws ProviderError when the operation is not one of this provider's side. */
export function readJob(operation: Json, medium: Job['medium']): Job {
  if (!isJob(operation) || operation.medium !== medium) {
    throw new ProviderError('invalid_request', `this is not a ${medium} operation of the mock vendor`);
  }
  return operation;
}
