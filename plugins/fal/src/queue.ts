import type { CallContext, CancelResult, MediaProvider, OperationStatus, VendorResponse } from '@litegen/plugin-sdk';
import { JOB_ID_KEYS, jobReport, jobState, MEDIA_FIELDS, ProviderError, record, text } from '@litegen/plugin-sdk';
import { declaredFailure, isCancelled, parsed, readFailure, responseError, toError, vendorFailure } from './failures.js';
import { buildInput, chooseEndpoint, type FalRequest } from './input.js';
import { type FalOperation, queueBase, readOperation, toOperation } from './operation.js';
import { type MediaKind, readResult } from './outputs.js';
import { readSettings } from './settings.js';
import { readModel } from './upstream.js';
import { createWebhookReader, type WebhookReader } from './webhook.js';

/**
 * fal's queue: submit, ask for the status, fetch the result. It knows no failed state; a failure is a completed request
 * whose result is an error.
 */
export function createQueueProvider<Request extends FalRequest>(kind: MediaKind): MediaProvider<Request> {
  const webhooks: WebhookReader = createWebhookReader(kind, (operation, call) => statusOf(kind, operation, call));
  return {
    async start(request, call) {
      const model = readModel(request.model);
      const use = chooseEndpoint(request, model);
      const json = buildInput(request, model, use, call);
      const query = call.webhookUrl === undefined ? '' : `?fal_webhook=${encodeURIComponent(call.webhookUrl)}`;
      const response = await call.fetch(`${queueBase(call)}/${use.endpoint}${query}`, {
        method: 'POST',
        headers: { ...authorization(call), ...readSettings(call.options).headers },
        json,
        submits: true,
      });
      if (!response.ok) throw await responseError(response, call, true);
      const answer = await response.json({ textKeys: JOB_ID_KEYS });
      const operation = toOperation(answer, use.endpoint, model.billableUnit, call);
      if (operation === undefined) {
        const failure = declaredFailure(answer);
        if (failure !== undefined) throw toError(failure, response, call, true);
        throw new ProviderError('invalid_response', 'fal: the submission was answered without a request id', {
          charged: 'unknown',
          vendorStatus: response.status,
        });
      }
      const vendorRequestId = response.headers['x-fal-request-id'] ?? operation.request_id;
      return { state: 'started', operation, vendorJobId: operation.request_id, vendorRequestId };
    },
    status: async (operation, call) => statusOf(kind, readOperation(operation, call), call),
    cancel: async (operation, call) => cancel(readOperation(operation, call), call),
    parseWebhook: async (delivery, operation, call) => webhooks(delivery, readOperation(operation, call), call),
  };
}

export function authorization(call: CallContext): Record<string, string> {
  return { authorization: `Key ${call.secret('apiKey')}` };
}

async function ask(url: string, call: CallContext): Promise<VendorResponse> {
  return call.fetch(url, { headers: authorization(call) });
}

async function statusOf(kind: MediaKind, operation: FalOperation, call: CallContext): Promise<OperationStatus> {
  const response = await ask(operation.status_url, call);
  if (!response.ok) throw await responseError(response, call, false);
  const answer = await response.json();
  const report = jobReport(answer);
  if (report === undefined) {
    const failure = declaredFailure(answer);
    if (failure !== undefined) throw toError(failure, response, call, false);
    throw new ProviderError('invalid_response', 'fal: the status has no status word');
  }
  const { job, status } = report;
  switch (jobState(status)) {
    case 'pending':
      return { state: 'pending' };
    case 'succeeded':
      return resultOf(kind, operation, text(job.error) !== undefined || record(job.error) !== undefined ? job : undefined, call);
    case 'cancelled':
      return { state: 'cancelled', charged: ran(job) ? 'unknown' : 'no' };
    case undefined: {
      // The word may be one for the end: what is there is taken.
      const found = await resultOf(kind, operation, undefined, call).catch(() => undefined);
      return found?.state === 'succeeded' ? found : { state: 'pending', unrecognizedStatus: status };
    }
    default:
      return resultOf(kind, operation, job, call);
  }
}

/** `failedStatus` is the status body when it tells of a failure; the result mostly tells more of it. */
async function resultOf(
  kind: MediaKind,
  operation: FalOperation,
  failedStatus: Readonly<Record<string, unknown>> | undefined,
  call: CallContext,
): Promise<OperationStatus> {
  const known = failedStatus === undefined ? undefined : readFailure({ status: 0, body: failedStatus });
  if (known !== undefined && isCancelled(known)) return { state: 'cancelled', charged: ran(failedStatus) ? 'unknown' : 'no' };
  const response = await ask(operation.response_url, call);
  if (response.ok) {
    const body = await response.json(MEDIA_FIELDS);
    if (known === undefined) return readResult(kind, body, operation, response.headers, call);
    return { state: 'failed', error: vendorFailure(known, call) };
  }
  // These are about the question: a key that no longer holds, or too many questions.
  if (response.status === 401 || response.status === 403 || response.status === 429) throw await responseError(response, call, false);
  const said = await response.text();
  const failure = readFailure({ status: response.status, headers: response.headers, body: parsed(said) ?? said });
  if (isCancelled(failure)) return { state: 'cancelled', charged: 'unknown' };
  if (response.status === 400 && /still in progress/i.test(failure.message)) {
    return known === undefined ? { state: 'pending' } : { state: 'failed', error: vendorFailure(known, call) };
  }
  const told = { ...failure, type: failure.type ?? known?.type };
  // Without a type, these may as well come from whatever stands between here and a result that is well.
  const passing = response.status >= 502 && response.status <= 504 && told.type === undefined;
  if (failure.inFalsWords && !passing) return { state: 'failed', error: vendorFailure(told, call) };
  if (known !== undefined) return { state: 'failed', error: vendorFailure(known, call) };
  throw new ProviderError('unavailable', `fal: the result could not be fetched, HTTP ${response.status}`, {
    vendorStatus: response.status,
  });
}

function ran(status: Readonly<Record<string, unknown>> | undefined): boolean {
  const seconds = record(status?.metrics)?.inference_time;
  return typeof seconds === 'number' && seconds > 0;
}

/**
 * fal answers a request to cancel before it acts on it, and ends running work only where the model allows. So the status
 * is asked for once more; whatever still runs is left to be watched.
 */
async function cancel(operation: FalOperation, call: CallContext): Promise<CancelResult> {
  const response = await call.fetch(operation.cancel_url, { method: 'PUT', headers: authorization(call) });
  if (response.status === 400 || response.status === 404) return 'too_late';
  if (!response.ok) throw await responseError(response, call, false);
  const status = await ask(operation.status_url, call);
  if (status.status === 404) return 'cancelled';
  if (!status.ok) return 'too_late';
  const report = jobReport(await status.json());
  const state = jobState(report?.status);
  if (state === 'cancelled' || (state === 'pending' && /queue/i.test(report?.status ?? ''))) return 'cancelled';
  return state === 'succeeded' && isCancelled(readFailure({ status: 0, body: report?.job })) ? 'cancelled' : 'too_late';
}
