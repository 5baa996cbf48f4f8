import { ProviderError, type Withheld } from '@litegen/plugin-sdk';
import { OutputFailure, RETRY_DELAYS_MS } from '../../../domain/providers/index.js';
import type { GenerationFailure } from '../model/generation.types.js';
import { backoffMs } from './retry.policy.js';
import { describeFailure } from './vendor-failure.policy.js';

export interface FetchSituation {
  /** How often the files were asked for. */
  readonly fetches: number;
  readonly graceMs: number;
  /** Whether what the vendor said is kept, or can be had again. */
  readonly isRepeatable: boolean;
  /** The deadline has passed. */
  readonly isOver: boolean;
}

/** A link may lead to nothing for its first seconds, and a host may be down for longer. */
export function mayFetchAgain(missing: readonly OutputFailure[], { fetches, graceMs, isRepeatable, isOver }: FetchSituation): boolean {
  if (isOver || !isRepeatable) return false;
  return missing.some(({ retry }) => retry === 'until_deadline' || (retry === 'briefly' && waitedMs(fetches) < graceMs));
}

/** Outputs that could not be fetched. Where the last of these failures kept others from being tried, its reason stands for them too. */
export function lostOutputs(missing: readonly OutputFailure[], count: number): Withheld[] {
  return missing.map(({ failure: { code, charged, message } }, index) => ({
    count: index === missing.length - 1 ? count - index : 1,
    code,
    charged,
    message,
  }));
}

/** What keeps a file from being fetched beside the file itself, such as a store that is away, is waited for. */
export function asOutputFailure(error: unknown): OutputFailure {
  if (error instanceof OutputFailure) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new OutputFailure(new ProviderError('internal', message, { charged: 'yes', cause: error }), 'until_deadline');
}

/** How long a file has been asked for, by the pauses alone: clocks may be set, and other replicas have other ones. */
function waitedMs(fetches: number): number {
  const tries = RETRY_DELAYS_MS.reduce((sum, delay) => sum + delay, 0);
  let waited = 0;
  for (let fetch = 1; fetch <= fetches; fetch += 1) waited += tries + (fetch === 1 ? 0 : backoffMs(fetch - 1, 0.5));
  return waited;
}

/** Failures of fetching say so; an error that came in place of the file speaks for itself. */
export function outputFailure(failure: ProviderError): GenerationFailure {
  const described = describeFailure(failure);
  if (failure.vendorCode !== undefined || failure.code === 'content_rejected') return described;
  return {
    ...described,
    code: failure.code === 'output_expired' ? 'output_expired' : 'provider_invalid_response',
    message: `The vendor finished, but its file could not be fetched: ${failure.message}`,
  };
}
