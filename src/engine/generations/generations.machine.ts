import type { Charged, OperationStatus, ProviderError, ProviderErrorCode, VendorFailure } from '@litegen/plugin-sdk';
import type { ErrorCode } from '../../platform/common/index.js';
import type { ActiveStatus, AttemptState, GenerationFailure, GenerationStatus } from './generation.types.js';
import { isTerminal } from './generation.types.js';

/** What a caller is told for each thing that can go wrong at a vendor. */
const PUBLIC_CODES: Readonly<Record<ProviderErrorCode, ErrorCode>> = {
  invalid_request: 'provider_invalid_request',
  unsupported: 'provider_invalid_request',
  content_rejected: 'moderation_blocked',
  authentication_failed: 'provider_authentication_failed',
  permission_denied: 'provider_permission_denied',
  quota_exhausted: 'provider_quota_exhausted',
  rate_limited: 'provider_rate_limited',
  unavailable: 'provider_unavailable',
  timeout: 'provider_timeout',
  output_expired: 'output_expired',
  invalid_response: 'provider_invalid_response',
  internal: 'provider_internal',
};

/** How OpenAI's own refusals begin, by which clients know them. */
const REJECTED = 'Your request was rejected as a result of the safety system';
const VENDORS_OWN_REJECTED = /^your request was rejected as a result of (?:the|our) safety system/i;

/** Worth another try when the first surely cost nothing. */
const TRANSIENT: ReadonlySet<ProviderErrorCode> = new Set(['rate_limited', 'unavailable', 'timeout', 'internal']);

/** Failures after which nobody knows whether the vendor works on the request. */
const AMBIGUOUS: ReadonlySet<ProviderErrorCode> = new Set(['unavailable', 'timeout', 'invalid_response', 'internal']);

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;

export type AfterFailure =
  /** A fresh attempt: the last one surely cost nothing. */
  | { readonly kind: 'retry'; readonly delayMs: number; readonly attemptState: AttemptState }
  /** The same attempt under the same idempotency key: the vendor promises to recognise it. */
  | { readonly kind: 'resubmit'; readonly delayMs: number }
  | { readonly kind: 'fail'; readonly failure: GenerationFailure; readonly attemptState: AttemptState; readonly charged: Charged };

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
 * asked again after an unknown outcome (R4).
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

function failedAttemptState(error: FailureFacts): AttemptState {
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

type Describable = Pick<VendorFailure, 'code' | 'message' | 'charged' | 'param' | 'vendorCode'> & {
  readonly vendorStatus?: number;
  readonly vendorRequestId?: string;
  readonly retryAfterMs?: number;
};

/** The caller's view of a vendor's failure. */
export function describeFailure(error: Describable): GenerationFailure {
  const message = error.code === 'content_rejected' ? rejection(error.message) : error.message;
  return {
    code: PUBLIC_CODES[error.code],
    message,
    details: {
      charged: error.charged,
      ...(message === error.message ? {} : { vendor_message: error.message }),
      ...(error.param === undefined ? {} : { param: error.param }),
      ...(error.vendorCode === undefined ? {} : { vendor_code: error.vendorCode }),
      ...(error.vendorStatus === undefined ? {} : { vendor_status: error.vendorStatus }),
      ...(error.vendorRequestId === undefined ? {} : { vendor_request_id: error.vendorRequestId }),
      ...(error.retryAfterMs === undefined ? {} : { retry_after_ms: error.retryAfterMs }),
    },
  };
}

/** OpenAI's sentence, then the vendor's own words. */
function rejection(words: string): string {
  if (VENDORS_OWN_REJECTED.test(words)) return words.replace(VENDORS_OWN_REJECTED, REJECTED);
  return words === '' ? `${REJECTED}.` : `${REJECTED}: ${words}`;
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

/** Wire progress never goes back and reaches 100 only at the end. */
export function nextProgress(current: number, reported: number | undefined): number {
  if (reported === undefined || !Number.isFinite(reported)) return current;
  return Math.max(current, Math.min(99, Math.max(0, Math.round(reported))));
}

export interface PollSchedule {
  readonly initialMs: number;
  readonly intervalMs: number;
  readonly maxIntervalMs: number;
}

const SLOWING_FACTOR = 1.15;
const SHORTEST_POLL_MS = 100;
/** So that jobs do not march in step. */
const JITTER = 0.2;

export interface PollWishes {
  /** Of the vendor, instead of the schedule. */
  readonly wishMs?: number;
  /** What the vendor's budget or its calls back make of it. */
  readonly atLeastMs?: number;
}

/**
 * The pause before the next question: the vendor's wish, else slowly growing. Jitter makes the schedule's pauses up to a fifth shorter, so
 * that they are the longest ones, and those that others ask for up to a fifth longer, so that nobody is asked too early.
 */
export function pollDelayMs(schedule: PollSchedule, polls: number, random: number, { wishMs, atLeastMs = 0 }: PollWishes = {}): number {
  const own =
    polls === 0 ? schedule.initialMs : Math.min(schedule.maxIntervalMs, schedule.intervalMs * SLOWING_FACTOR ** Math.min(polls - 1, 40));
  const wanted = wishMs === undefined ? own * (1 - JITTER * random) : wishMs * (1 + JITTER * random);
  return Math.max(SHORTEST_POLL_MS, Math.round(Math.max(wanted, atLeastMs * (1 + JITTER * random))));
}

/** Whether a signal from the vendor may still change anything (R11). */
export function acceptsSignal(status: GenerationStatus): status is ActiveStatus {
  return !isTerminal(status);
}

export function isFinal(status: OperationStatus): status is Exclude<OperationStatus, { state: 'pending' }> {
  return status.state !== 'pending';
}
