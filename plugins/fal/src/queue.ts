import type { CallContext, CancelResult, MediaProvider, OperationStatus, VendorResponse } from '@litegen/plugin-sdk';
import { ProviderError } from '@litegen/plugin-sdk';
import { isCancelled, readFailure, responseError, vendorFailure } from './failures.js';
import { buildInput, chooseEndpoint, type FalRequest } from './input.js';
import { asObject, asText, parseJson } from './json.js';
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
      const operation = toOperation(await response.json(), use.endpoint, model.billableUnit, call);
      if (operation === undefined) {
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
  const body = asObject(await response.json());
  const word = asText(body?.status);
  if (body === undefined || word === undefined) throw new ProviderError('invalid_response', 'fal: the status has no status word');
  if (word === 'IN_QUEUE' || word === 'IN_PROGRESS') return { state: 'pending' };
  if (word !== 'COMPLETED') return { state: 'pending', unrecognizedStatus: word };
  const failed = body.error !== undefined && body.error !== null && body.error !== '';
  return resultOf(kind, operation, failed ? body : undefined, call);
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
    const body = await response.json();
    if (known === undefined) return readResult(kind, body, operation, response.headers, call);
    return { state: 'failed', error: vendorFailure(known, call) };
  }
  // These are about the question: a key that no longer holds, or too many questions.
  if (response.status === 401 || response.status === 403 || response.status === 429) throw await responseError(response, call, false);
  const text = await response.text();
  const failure = readFailure({ status: response.status, headers: response.headers, body: parseJson(text) ?? text });
  if (isCancelled(failure)) return { state: 'cancelled', charged: 'unknown' };
  if (response.status === 400 && /still in progress/i.test(failure.message)) return { state: 'pending' };
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
  const seconds = asObject(status?.metrics)?.inference_time;
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
  const body = asObject(await status.json());
  if (body?.status === 'IN_QUEUE') return 'cancelled';
  return body?.status === 'COMPLETED' && isCancelled(readFailure({ status: 0, body })) ? 'cancelled' : 'too_late';
}
