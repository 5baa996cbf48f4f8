import { describe, expect, it } from 'vitest';
import type { CallContext } from '../context.js';
import { JOB_ID_KEYS, type JobState, jobIdOf, jobReport, jobState, progressOf, unknownJob, YOUNG_JOB_MS } from './jobs.js';
import { parseJson } from './json-text.js';
import { outputItems, readOutputs } from './outputs.js';
import { readVendorError } from './vendor-error.js';

/** As vendors' documents spell them. */
const WORDS: Readonly<Record<JobState, readonly string[]>> = {
  pending: [
    ...['IN_QUEUE', 'IN_PROGRESS', 'queued', 'in_progress', 'starting', 'processing', 'Preparing', 'Queueing', 'submitted', 'created'],
    ...['queueing', 'dreaming', 'RUNNING', 'PENDING', 'InProgress', 'in-progress', 'TASK_STATUS_QUEUED', 'TASK_STATUS_PROCESSING', 'WAIT'],
    ...[
      'RUN',
      'waiting_to_dispatch',
      'generating',
      'cancel_pending',
      'canceling',
      'CANCELLATION_REQUESTED',
      'JOB_STATE_RUNNING',
      'in queue',
    ],
  ],
  succeeded: [
    ...[
      'completed',
      'succeeded',
      'succeed',
      'Success',
      'SUCCEEDED',
      'COMPLETE',
      'done',
      'DONE',
      'Ready',
      'TASK_STATUS_SUCCEED',
      'processed',
    ],
    ...['Completed', ' finished ', 'JOB_STATE_SUCCEEDED'],
  ],
  failed: ['failed', 'FAILED', 'Fail', 'error', 'Error', 'TASK_STATUS_FAILED', 'FAIL'],
  rejected: ['Request Moderated', 'Content Moderated', 'rejected'],
  cancelled: ['cancelled', 'canceled', 'CANCELED', 'aborted', 'deleted'],
  expired: ['expired', 'timeout', 'Task not found', 'timed-out'],
};

describe('status words', () => {
  it.each(Object.entries(WORDS).flatMap(([state, words]) => words.map((word) => [word, state] as const)))('%s is %s', (word, state) => {
    expect(jobState(word)).toBe(state);
  });

  it.each(['UNKNOWN', 'TASK_STATUS_UNKNOWN', 'half-way', '', '7', undefined, null, {}, 'status', 'constructor'])(
    'knows nothing of %j',
    (word) => {
      expect(jobState(word)).toBeUndefined();
    },
  );

  it('takes a vendor’s own words first', () => {
    expect(jobState(5, { '5': 'pending', '1': 'succeeded' })).toBe('pending');
    expect(jobState('READY', { ready: 'pending' })).toBe('pending');
  });

  it.each<readonly [string, unknown, string | undefined]>([
    ['at the top', { status: 'queued', data: [{ status: 'succeeded' }] }, 'queued'],
    ['within an envelope', { code: 'success', data: { task_id: 'a', status: 'RUNNING' } }, 'RUNNING'],
    ['within an envelope that has a status', { status: 'ok', data: { task: { state: 'queued' } } }, 'queued'],
    ['in a list', { code: 0, data: [{ id: 'a', status: 'submitted' }] }, 'submitted'],
    ['as task_status', { output: { task_status: 'PENDING' } }, 'PENDING'],
    ['nowhere', { data: {} }, undefined],
    ['in what is no object', 'queued', undefined],
  ])('are found %s', (_where, body, word) => {
    expect(jobReport(body)?.status).toBe(word);
  });

  it('are not looked for endlessly deep', () => {
    let body: object = { id: 'a', status: 'queued', error: { message: 'm' }, data: [{ url: 'https://a.test/1' }] };
    for (let depth = 0; depth < 100_000; depth += 1) body = { data: body, error: body };
    expect([jobReport(body), jobIdOf(body), readVendorError(body)?.message]).toEqual([undefined, undefined, undefined]);
    expect(readOutputs(outputItems(body)).outputs).toEqual([]);
  });

  it('come with progress in one of two forms', () => {
    expect([50, '50%', '7', 0, 101, '-3%', 'half', null].map(progressOf)).toEqual([50, 50, 7, 0, ...Array(4).fill(undefined)]);
  });
});

describe('job ids', () => {
  it.each<readonly [string, string, string | undefined]>([
    ['id', '{"id":"a","task_id":"b"}', 'a'],
    ['task_id', '{"task_id":"a","request_id":"r","created":5}', 'a'],
    ['a number', '{"id":42}', '42'],
    ['a number of 64 bits', '{"data":{"task_id":9007199254740993}}', '9007199254740993'],
    ['within data', '{"code":0,"request_id":"r","data":{"task_id":"a"}}', 'a'],
    ['in a list', '{"data":[{"id":"a"}]}', 'a'],
    ['within output', '{"output":{"task_id":"a"},"request_id":"r"}', 'a'],
    ['request_id alone', '{"request_id":"r"}', 'r'],
    ['white space', '{"id":" a "}', 'a'],
    ['an empty one beside a good one', '{"id":"","task_id":null,"job_id":"a"}', 'a'],
    ['nothing', '{"id":"","task_id":{},"jobId":true,"data":[]}', undefined],
  ])('are found: %s', (_what, json, id) => {
    expect(jobIdOf(parseJson(json, JOB_ID_KEYS))).toBe(id);
  });

  it('are looked for under a vendor’s own name first', () => {
    expect(jobIdOf({ id: 'a', request_id: 'r' }, ['request_id'])).toBe('r');
    expect(jobIdOf('text')).toBeUndefined();
  });
});

describe('a job that its vendor does not know', () => {
  const call = { now: () => new Date(100_000) } as CallContext;

  it('is asked for again while it is young', () => {
    expect(() => unknownJob(100_000 - YOUNG_JOB_MS + 1, 'Acme', call)).toThrow(
      expect.objectContaining({ code: 'unavailable', vendorStatus: 404 }),
    );
  });

  it.each([100_000 - YOUNG_JOB_MS, undefined])('is lost afterwards (%s)', (acceptedAtMs) => {
    expect(unknownJob(acceptedAtMs, 'Acme', call)).toMatchObject({ state: 'failed', error: { charged: 'unknown' } });
  });
});
