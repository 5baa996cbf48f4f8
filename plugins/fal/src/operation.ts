import { type CallContext, type Json, jobIdOf, ProviderError, record, text } from '@litegen/plugin-sdk';
import { BILLABLE_UNITS, type BillableUnit } from './upstream.js';

export const QUEUE_BASE = 'https://queue.fal.run';

/** What any replica needs to ask for a queued request. Plain JSON. */
export type FalOperation = {
  readonly request_id: string;
  readonly endpoint: string;
  readonly status_url: string;
  readonly response_url: string;
  readonly cancel_url: string;
  readonly billable_unit?: BillableUnit;
};

export function queueBase(call: CallContext): string {
  return call.apiBase ?? QUEUE_BASE;
}

/**
 * Makes the operation from a submission's answer. The links in it are used only where they lead back to the queue that
 * was asked; otherwise the key would follow them elsewhere. Answers to submissions with a callback may have none.
 */
export function toOperation(
  answer: unknown,
  endpoint: string,
  billableUnit: BillableUnit | undefined,
  call: CallContext,
): FalOperation | undefined {
  const body = record(answer);
  const requestId = jobIdOf(answer, ['request_id']);
  if (body === undefined || requestId === undefined) return undefined;
  const base = queueBase(call);
  const own = `${base}/${appOf(endpoint)}/requests/${encodeURIComponent(requestId)}`;
  return {
    request_id: requestId,
    endpoint,
    status_url: trusted(body.status_url, `${own}/status`, base),
    response_url: trusted(body.response_url, own, base),
    cancel_url: trusted(body.cancel_url, `${own}/cancel`, base),
    ...(billableUnit === undefined ? {} : { billable_unit: billableUnit }),
  };
}

/** Reads an operation back, under the queue base of today. @throws ProviderError `internal` for what is none. */
export function readOperation(operation: Json, call: CallContext): FalOperation {
  const body = record(operation);
  const endpoint = text(body?.endpoint);
  const unit = BILLABLE_UNITS.find((known) => known === body?.billable_unit);
  const read = endpoint === undefined ? undefined : toOperation(operation, endpoint, unit, call);
  if (read === undefined) throw new ProviderError('internal', 'not an operation of the fal plugin');
  return read;
}

/** Requests live under the app, not under the whole endpoint: `fal-ai/flux/dev` is queued at `fal-ai/flux`. */
export function appOf(endpoint: string): string {
  const segments = endpoint.split('/');
  const namespaced = segments[0] === 'workflows' || segments[0] === 'comfy';
  return segments.slice(0, namespaced ? 3 : 2).join('/');
}

function trusted(candidate: unknown, own: string, base: string): string {
  if (typeof candidate !== 'string' || !URL.canParse(candidate)) return own;
  const url = new URL(candidate);
  return url.origin === new URL(base).origin && url.username === '' && url.password === '' ? url.href : own;
}
