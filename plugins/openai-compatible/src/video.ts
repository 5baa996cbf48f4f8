import {
  type CallContext,
  type CancelResult,
  type InputMedia,
  type Json,
  type OperationStatus,
  ProviderError,
  type StartResult,
  type VendorRequestInit,
  type VideoRequest,
} from '@litegen/plugin-sdk';
import { type Connection, connect } from './connection.js';
import { DIALECTS } from './dialect.js';
import { classify, isRecord, readServerError, throwVendorError } from './errors.js';
import { requestFields, unsupported } from './fields.js';
import { fieldParts, filePart } from './multipart.js';
import type { CompatibleOptions } from './options.js';

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
  if (!response.ok) await throwVendorError(response, call);
  const job = await response.json();
  if (!isRecord(job) || typeof job.id !== 'string' || job.id === '') {
    throw new ProviderError('invalid_response', 'The server accepted the video without naming its job.', {
      charged: 'unknown',
      vendorStatus: response.status,
    });
  }
  return { state: 'started', operation: { id: job.id }, vendorJobId: job.id, vendorRequestId: response.headers['x-request-id'] };
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
    // Jobs live in the server's memory: it was restarted, or someone deleted the record.
    return { state: 'failed', error: { code: 'unavailable', message: 'The server no longer knows this video.', charged: 'unknown' } };
  }
  if (!response.ok) await throwVendorError(response, call);
  const job = await response.json();
  if (!isRecord(job) || typeof job.status !== 'string') {
    throw new ProviderError('invalid_response', 'The server answered without the status of the video.', { vendorStatus: response.status });
  }
  return readStatus(job, job.status, `${url}/content`, server);
}

function readStatus(job: Record<string, unknown>, status: string, contentUrl: string, server: Connection): OperationStatus {
  const progress = typeof job.progress === 'number' && job.progress >= 0 && job.progress <= 100 ? job.progress : undefined;
  switch (status) {
    case 'queued':
    case 'in_progress':
      return { state: 'pending', progress };
    case 'completed': {
      const seconds = Number(job.seconds ?? Number.NaN);
      return {
        state: 'succeeded',
        outputs: [{ media: { kind: 'url', url: contentUrl, headers: server.headers } }],
        usage: Number.isFinite(seconds) && seconds > 0 ? { seconds } : undefined,
      };
    }
    case 'failed': {
      const error = readServerError({ error: job.error });
      const message = error.message ?? 'The server could not make the video.';
      return { state: 'failed', error: { code: classify(500, error), message, charged: 'no', vendorCode: error.code ?? error.type } };
    }
    case 'cancelled':
    case 'deleted':
      return { state: 'cancelled', charged: 'no' };
    default:
      return { state: 'pending', progress, unrecognizedStatus: status };
  }
}

export async function cancelVideo(operation: Json, call: CallContext, options: CompatibleOptions): Promise<CancelResult> {
  if (!DIALECTS[options.dialect].deleteCancels) return 'unsupported';
  const server = connect(call, options);
  const response = await call.fetch(videoUrl(operation, server), { method: 'DELETE', headers: server.headers });
  if (response.status === 405 || response.status === 501) return finish('unsupported');
  if (response.status === 400 || response.status === 404 || response.status === 409) return finish('too_late');
  if (!response.ok) await throwVendorError(response, call);
  if (response.status === 204) return 'cancelled';
  const answer = await response.json();
  const confirmed = isRecord(answer) && (answer.deleted === true || answer.status === 'deleted' || answer.status === 'cancelled');
  return confirmed ? 'cancelled' : 'too_late';

  async function finish(result: CancelResult): Promise<CancelResult> {
    await response.text();
    return result;
  }
}

function videoUrl(operation: Json, server: Connection): string {
  if (!isRecord(operation) || typeof operation.id !== 'string') {
    throw new ProviderError('internal', 'This operation was not started by this plugin.');
  }
  return `${server.baseUrl}/videos/${encodeURIComponent(operation.id)}`;
}
