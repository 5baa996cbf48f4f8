import type { CallContext } from '../context.js';
import { ProviderError } from '../errors.js';
import type { OperationStatus } from '../result.js';
import { bareWord } from './error-tables.js';
import { list, record, text } from './values.js';

/** Where a job stands. `rejected`: a filter refused it. `expired`: the vendor gave it up, or forgot it. */
export type JobState = 'pending' | 'succeeded' | 'failed' | 'rejected' | 'cancelled' | 'expired';

const WORDS: Readonly<Record<JobState, string>> = {
  pending: `queued queue queueing in_queue enqueued pending wait waiting waiting_to_dispatch submitted submitting created creating accepted
    scheduled init initialized initializing new not_started starting started preparing prepared processing in_process in_progress progressing
    progress ongoing running run executing working active generating rendering dreaming encoding uploading finalizing paused retrying throttled
    cancelling canceling cancel_pending cancel_requested cancellation_requested`,
  succeeded: 'succeeded succeed success successful completed complete done finished finish ready ok generated processed',
  failed: 'failed fail failure failing error errored execution_error crashed',
  rejected: `rejected refused moderated request_moderated content_moderated content_filtered content_filter blocked flagged nsfw
    moderation_failed content_policy_violation`,
  cancelled: 'cancelled canceled cancel aborted abort stopped terminated interrupted deleted removed revoked',
  expired: 'expired timeout timed_out task_not_found not_found lost',
};

const STATES: ReadonlyMap<string, JobState> = new Map(
  (Object.entries(WORDS) as [JobState, string][]).flatMap(([state, words]) =>
    words.split(/\s+/).map((word) => [bareWord(word), state] as const),
  ),
);

/** `TASK_STATUS_SUCCEED`, `JOB_STATE_RUNNING`. */
const PREFIX = /^(?:task|job|run|operation|generation)?(?:status|state)(?=.)/;

/**
 * What a vendor's status word means, in any case and with any separators. Undefined for a word that is not known: the job is pending
 * then, and the plugin says so with `unrecognizedStatus`.
 * @param own the vendor's own words, such as numbers, which come first
 */
export function jobState(word: unknown, own: Readonly<Record<string, JobState>> = {}): JobState | undefined {
  const bare = bareWord(text(word) ?? '');
  if (bare === '') return undefined;
  const known = Object.entries(own).find(([name]) => bareWord(name) === bare)?.[1];
  return known ?? STATES.get(bare) ?? STATES.get(bare.replace(PREFIX, ''));
}

const HOLDERS = ['data', 'task', 'job', 'output', 'result', 'response', 'video', 'generation', 'prediction'];
const STATUS_KEYS = ['status', 'state', 'task_status', 'job_status', 'taskStatus', 'jobStatus', 'status_str'];

/** A job, and the status word in it. */
export interface JobReport {
  readonly job: Readonly<Record<string, unknown>>;
  readonly status: string;
}

/**
 * The part of an answer that holds a job's status: within an object such as `data` or `task`, whose word counts for more than that of the
 * envelope, at the top, or in the first entry of such a list.
 */
export function jobReport(body: unknown): JobReport | undefined {
  return reportIn(body, 0);
}

const MAX_DEPTH = 3;

function reportIn(body: unknown, depth: number): JobReport | undefined {
  const fields = record(body);
  if (fields === undefined || depth > MAX_DEPTH) return undefined;
  const within = HOLDERS.map((name) => reportIn(fields[name], depth + 1)).find((report) => report !== undefined);
  if (within !== undefined) return within;
  const status = STATUS_KEYS.map((name) => text(fields[name])).find((word) => word !== undefined);
  if (status !== undefined) return { job: fields, status };
  return HOLDERS.map((name) => reportIn(list(fields[name])[0], depth + 1)).find((report) => report !== undefined);
}

/** The vendor's progress in percent, from a number or from `45%`. */
export function progressOf(value: unknown): number | undefined {
  const number = typeof value === 'string' ? Number(/^(\d+(?:\.\d+)?)\s*%?$/.exec(value)?.[1] ?? Number.NaN) : value;
  return typeof number === 'number' && number >= 0 && number <= 100 ? number : undefined;
}

const ID_KEYS = [
  'id',
  'task_id',
  'taskId',
  'job_id',
  'jobId',
  'video_id',
  'videoId',
  'generation_id',
  'generationId',
  'prediction_id',
  'operation_id',
];
/** Names of requests as often as of jobs: asked only where nothing else has a name. */
const WEAK_ID_KEYS = ['request_id', 'requestId', 'uuid', 'taskUUID', 'task_uuid'];

/** For `response.json({ textKeys })`: ids may be integers of 64 bits. */
export const JOB_ID_KEYS: readonly string[] = [...ID_KEYS, ...WEAK_ID_KEYS];

/**
 * The id under which a vendor accepted a job: `id`, `task_id`, `job_id` and the like, a text or a number, at the top or within `data`, `task`,
 * `output` and the like.
 * @param own the vendor's own names, which come first
 */
export function jobIdOf(body: unknown, own: readonly string[] = []): string | undefined {
  return [own, ID_KEYS, WEAK_ID_KEYS].map((names) => idUnder(body, names, 0)).find((id) => id !== undefined);
}

function idUnder(body: unknown, names: readonly string[], depth: number): string | undefined {
  const fields = record(body) ?? record(list(body)[0]);
  if (fields === undefined || depth > MAX_DEPTH) return undefined;
  const here = names.map((name) => idText(fields[name])).find((id) => id !== undefined);
  if (here !== undefined) return here;
  return HOLDERS.map((name) => idUnder(fields[name], names, depth + 1)).find((id) => id !== undefined);
}

function idText(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined;
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

/** For so long a vendor may not know a job that it has just accepted: another of its servers answers, milliseconds. */
export const YOUNG_JOB_MS = 60_000;

/**
 * What follows when a vendor does not know a job (404): it is asked again while the job is young, and has lost it afterwards.
 * @param acceptedAtMs `call.now().getTime()` in `start`, kept in the operation; undefined: it is not young
 * @throws ProviderError `unavailable`, which says nothing about the job
 */
export function unknownJob(acceptedAtMs: unknown, vendor: string, call: CallContext): OperationStatus {
  if (typeof acceptedAtMs === 'number' && call.now().getTime() - acceptedAtMs < YOUNG_JOB_MS) {
    throw new ProviderError('unavailable', `${vendor} does not know this job yet.`, { vendorStatus: 404 });
  }
  return { state: 'failed', error: { code: 'unavailable', message: `${vendor} does not know this job any more.`, charged: 'unknown' } };
}
