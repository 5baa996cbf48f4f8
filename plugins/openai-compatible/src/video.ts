import {
  type CallContext,
  type CancelResult,
  declaredError,
  type InputMedia,
  JOB_ID_KEYS,
  type Json,
  jobIdOf,
  jobReport,
  jobState,
  MEDIA_FIELDS,
  type OperationStatus,
  ProviderError,
  progressOf,
  readVendorError,
  record,
  responseError,
  type StartResult,
  unknownJob,
  type VendorRequestInit,
  type VendorResponse,
  type VideoRequest,
  vendorError,
  vendorFailure,
} from '@litegen/plugin-sdk';
import { type Connection, connect } from './connection.js';
import { DIALECTS } from './dialect.js';
import { SERVER_ERRORS } from './errors.js';
import { requestFields, unsupported } from './fields.js';
import { fieldParts, filePart } from './multipart.js';
import type { CompatibleOptions } from './options.js';
import { finishedVideo } from './video-result.js';

/** Roles that `input_reference` can play. */
const REFERENCE_ROLES = new Set(['init', 'first_frame', 'video']);

export async function startVideo(request: VideoRequest, call: CallContext, options: CompatibleOptions): Promise<StartResult> {
  const server = connect(call, options);
  const fields = requestFields(request, call, options);
  const response = await call.fetch(`${server.baseUrl}/videos`, {
    ...videoBody(fields, request.inputs, options),
    headers: { ...server.headers, accept: 'application/json' },
    submits: true,
  });
  if (!response.ok) throw await responseError(response, call, SERVER_ERRORS);
  const accepted = await response.json({ textKeys: JOB_ID_KEYS });
  // An answer that has a status is a job, which tells itself how it ends.
  const declared = jobReport(accepted) === undefined ? declaredError(accepted) : undefined;
  const id = declared === undefined ? jobIdOf(accepted) : undefined;
  if (id === undefined) {
    const words = declared ?? readVendorError(accepted);
    if (words !== undefined) throw vendorError(words, response, call, SERVER_ERRORS);
    throw new ProviderError('invalid_response', 'The server accepted the video without naming its job.', {
      charged: 'unknown',
      vendorStatus: response.status,
    });
  }
  return {
    state: 'started',
    operation: { id, acceptedAtMs: call.now().getTime() },
    vendorJobId: id,
    vendorRequestId: response.headers['x-request-id'],
  };
}

function videoBody(
  fields: Readonly<Record<string, Json>>,
  inputs: readonly InputMedia[],
  options: CompatibleOptions,
): Pick<VendorRequestInit, 'json' | 'multipart'> {
  const refused = inputs.find((input, index) => index > 0 || !REFERENCE_ROLES.has(input.role));
  if (refused) throw unsupported(refused.role);
  const reference = inputs[0];
  if (!reference && DIALECTS[options.dialect].videoBody === 'json') return { json: fields };
  const parts = fieldParts(fields);
  if (reference) parts.push(filePart('input_reference', 'input-reference', reference));
  return { multipart: parts };
}

export async function videoStatus(operation: Json, call: CallContext, options: CompatibleOptions): Promise<OperationStatus> {
  const server = connect(call, options);
  const url = videoUrl(operation, server);
  const response = await call.fetch(url, { headers: server.headers });
  if (response.status === 404) {
    await response.text();
    return unknownVideo(operation, call);
  }
  if (!response.ok) throw await responseError(response, call, SERVER_ERRORS);
  return readStatus(await response.json(MEDIA_FIELDS), response, { url, server, call, operation });
}

interface Question {
  readonly url: string;
  readonly server: Connection;
  readonly call: CallContext;
  readonly operation: Json;
}

async function readStatus(body: unknown, response: VendorResponse, question: Question): Promise<OperationStatus> {
  const { url, server, call, operation } = question;
  const report = jobReport(body);
  if (report === undefined) {
    const words = declaredError(body);
    if (words === undefined) {
      throw new ProviderError('invalid_response', 'The server answered without the status of the video.', {
        vendorStatus: response.status,
      });
    }
    if (words.status === 404 || /not.?found|no such/i.test(`${words.code} ${words.message}`)) return unknownVideo(operation, call);
    throw vendorError(words, response, call, SERVER_ERRORS);
  }
  const { job, status } = report;
  const progress = progressOf(job.progress);
  switch (jobState(status)) {
    case 'pending':
      return { state: 'pending', progress };
    case 'succeeded':
      return { state: 'succeeded', ...finishedVideo(job, body, url, server) };
    case 'failed':
      return { state: 'failed', error: failureOf(job, body, call) };
    case 'rejected':
      return { state: 'failed', error: { ...failureOf(job, body, call), code: 'content_rejected' } };
    case 'expired':
      return { state: 'failed', error: { ...failureOf(job, body, call), code: 'timeout' } };
    case 'cancelled':
      return { state: 'cancelled', charged: 'no' };
    default:
      // The word may be one for the end: what is there is taken.
      if (await hasContent(url, server, call)) return { state: 'succeeded', ...finishedVideo(job, body, url, server) };
      return { state: 'pending', progress, unrecognizedStatus: status };
  }
}

function failureOf(job: Readonly<Record<string, unknown>>, body: unknown, call: CallContext): ReturnType<typeof vendorFailure> {
  return vendorFailure(readVendorError(job) ?? readVendorError(body) ?? {}, call, SERVER_ERRORS);
}

/** Jobs live in the server's memory: it was restarted, or someone deleted the record; or another of its processes has not heard of it yet. */
function unknownVideo(operation: Json, call: CallContext): OperationStatus {
  return unknownJob(record(operation)?.acceptedAtMs, SERVER_ERRORS.vendor, call);
}

/** Whether there is a video, told by its first bytes: what a server answers under 200 may be anything. */
async function hasContent(url: string, server: Connection, call: CallContext): Promise<boolean> {
  const response = await call.fetch(`${url}/content`, { headers: server.headers });
  const beginning = await response.text();
  if (response.status >= 300 && response.status < 400) return response.headers.location !== undefined;
  return response.ok && (beginning.slice(4, 8) === 'ftyp' || beginning.startsWith('\u001aE'));
}

/** Deleting a video ends its work, and forgets one that is finished; so its state is asked for first. */
export async function cancelVideo(operation: Json, call: CallContext, options: CompatibleOptions): Promise<CancelResult> {
  if (!DIALECTS[options.dialect].deleteCancels) return 'unsupported';
  const server = connect(call, options);
  const url = videoUrl(operation, server);
  const before = await call.fetch(url, { headers: server.headers });
  if (before.status === 404) return tooLate(before);
  if (!before.ok) throw await responseError(before, call, SERVER_ERRORS);
  const report = jobReport(await before.json());
  const state = jobState(report?.status);
  if (state === 'cancelled') return 'cancelled';
  if (state === undefined ? await hasContent(url, server, call) : state !== 'pending') return 'too_late';
  const response = await call.fetch(url, { method: 'DELETE', headers: server.headers });
  if (response.status === 405 || response.status === 501) return tooLate(response, 'unsupported');
  if (response.status === 400 || response.status === 404 || response.status === 409) return tooLate(response);
  if (!response.ok) throw await responseError(response, call, SERVER_ERRORS);
  if (response.status === 204) return 'cancelled';
  const answer = await response.json();
  const confirmed = record(answer)?.deleted === true || jobState(jobReport(answer)?.status) === 'cancelled';
  return confirmed ? 'cancelled' : 'too_late';
}

async function tooLate(response: VendorResponse, result: CancelResult = 'too_late'): Promise<CancelResult> {
  await response.text();
  return result;
}

function videoUrl(operation: Json, server: Connection): string {
  const id = record(operation)?.id;
  if (typeof id !== 'string') throw new ProviderError('internal', 'This operation was not started by this plugin.');
  return `${server.baseUrl}/videos/${encodeURIComponent(id)}`;
}
