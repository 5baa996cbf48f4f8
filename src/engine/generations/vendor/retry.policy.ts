import type { Charged, ProviderError, ProviderErrorCode } from '@litegen/plugin-sdk';
import type { AttemptOutcome, GenerationFailure } from '../model/generation.types.js';
import { describeFailure } from './vendor-failure.policy.js';

/** Worth another try when the first surely cost nothing. */
const TRANSIENT: ReadonlySet<ProviderErrorCode> = new Set(['rate_limited', 'unavailable', 'timeout', 'internal']);

/** Failures after which nobody knows whether the vendor works on the request. */
const AMBIGUOUS: ReadonlySet<ProviderErrorCode> = new Set(['unavailable', 'timeout', 'invalid_response', 'internal']);

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;

export type AfterFailure =
  /** A fresh attempt: the last one surely cost nothing. */
  | { readonly kind: 'retry'; readonly delayMs: number; readonly attemptState: AttemptOutcome }
  /** The same attempt under the same idempotency key: the vendor promises to recognise it. */
  | { readonly kind: 'resubmit'; readonly delayMs: number }
  | { readonly kind: 'fail'; readonly failure: GenerationFailure; readonly attemptState: AttemptOutcome; readonly charged: Charged };

export interface FailureSituation {
  /** Submissions so far, this one included. */
  readonly attempts: number;
  readonly maxAttempts: number;
  /** Whether the model's vendor honours idempotency keys on submit. */
  readonly vendorIsIdempotent: boolean;
  readonly nowMs: number;
  readonly deadlineAtMs: number;
  readonly cancelRequested: boolean;
  /** 0–1, for jitter. */
  readonly random: number;
}

export type FailureFacts = Pick<
  ProviderError,
  'code' | 'charged' | 'message' | 'param' | 'retryAfterMs' | 'vendorCode' | 'vendorStatus' | 'vendorRequestId'
>;

export function backoffMs(attempts: number, random: number, retryAfterMs?: number): number {
  const grown = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempts - 1));
  return Math.max(retryAfterMs ?? 0, Math.round(grown * (0.75 + random * 0.5)));
}

/**
 * Decides what follows a failed submission. Only what surely cost nothing is tried anew, and only an idempotent vendor is
 * asked again after an unknown outcome.
 */
export function afterSubmissionFailure(error: FailureFacts, situation: FailureSituation): AfterFailure {
  const delayMs = backoffMs(situation.attempts, situation.random, error.retryAfterMs);
  const again =
    TRANSIENT.has(error.code) &&
    situation.attempts < situation.maxAttempts &&
    !situation.cancelRequested &&
    situation.nowMs + delayMs < situation.deadlineAtMs;
  if (error.charged === 'no' && again) {
    return { kind: 'retry', delayMs, attemptState: error.vendorStatus === undefined ? 'not_sent' : 'rejected' };
  }
  if (error.charged === 'unknown' && AMBIGUOUS.has(error.code) && situation.vendorIsIdempotent && again) {
    return { kind: 'resubmit', delayMs };
  }
  return { kind: 'fail', failure: submissionFailure(error), attemptState: failedAttemptState(error), charged: error.charged };
}

function failedAttemptState(error: FailureFacts): AttemptOutcome {
  if (error.charged === 'unknown') return 'unknown';
  if (error.charged === 'yes') return 'failed';
  return error.vendorStatus === undefined ? 'not_sent' : 'rejected';
}

function submissionFailure(error: FailureFacts): GenerationFailure {
  const unknown = error.charged === 'unknown' && AMBIGUOUS.has(error.code);
  const failure = describeFailure(error);
  if (!unknown) return failure;
  return {
    ...failure,
    code: 'outcome_unknown',
    details: { ...failure.details, vendor_message: error.message },
    message: `The vendor may have accepted the request, but its answer did not arrive (${error.message}). It was not sent again, because that could be charged twice.`,
  };
}

/** What a replica that finds an abandoned submission may do: nobody knows whether the vendor got it. */
export function afterAbandonedSubmission(situation: FailureSituation): AfterFailure {
  return afterSubmissionFailure(
    {
      code: 'unavailable',
      charged: 'unknown',
      message:
        'the process that sent it stopped, or was cut off from the database for longer than its lease, before the answer was written',
    },
    situation,
  );
}
