import { createHmac, timingSafeEqual } from 'node:crypto';
import {
  declaredError,
  JOB_ID_KEYS,
  jobIdOf,
  jobReport,
  jobState,
  mediaOf,
  ProviderError,
  parseJson,
  progressOf,
  readVendorError,
  record,
  text,
  unknownJob,
  vendorError,
  vendorFailure,
} from '@litegen/plugin-sdk';
import { ask, ERRORS } from './http.js';

/**
 * @typedef {import('@litegen/plugin-sdk').CallContext} CallContext
 * @typedef {import('@litegen/plugin-sdk').OperationStatus} OperationStatus
 */

/**
 * Acme answers a video request with a job. https://acme.test/docs/videos
 *
 * @type {import('@litegen/plugin-sdk').VideoProvider}
 */
export const video = {
  async start(request, call) {
    const { params } = request;
    const json = {
      model: text(request.model.upstream.model) ?? request.model.name,
      prompt: request.prompt,
      seconds: wholeSeconds(params.duration_seconds, call),
      aspect_ratio: params.aspect_ratio,
      callback_url: call.webhookUrl,
    };
    const headers = { 'idempotency-key': call.idempotencyKey };
    const response = await ask(call, '/v1/videos', { headers, json, submits: true });
    const answer = await response.json({ textKeys: JOB_ID_KEYS });
    const id = jobIdOf(answer);
    if (id === undefined) {
      const words = declaredError(answer);
      if (words !== undefined) throw vendorError(words, response, call, ERRORS);
      throw new ProviderError('invalid_response', 'Acme answered without a job id', { charged: 'unknown' });
    }
    // All that any replica needs to ask again, and no secret in it: the gateway keeps it in its database.
    return { state: 'started', operation: { id, acceptedAtMs: call.now().getTime() }, vendorJobId: id };
  },

  async status(operation, call) {
    try {
      return statusOf(await (await ask(call, pathOf(operation))).json(), call);
    } catch (error) {
      // Acme may not know a film yet that it has just accepted.
      if (ProviderError.is(error) && error.vendorStatus === 404) return unknownJob(record(operation)?.acceptedAtMs, ERRORS.vendor, call);
      throw error;
    }
  },

  async cancel(operation, call) {
    try {
      const answer = await (await ask(call, pathOf(operation), { method: 'DELETE' })).json();
      return jobState(jobReport(answer)?.status) === 'cancelled' ? 'cancelled' : 'too_late';
    } catch (error) {
      if (ProviderError.is(error) && error.vendorStatus === 409) return 'too_late';
      throw error;
    }
  },

  async parseWebhook(delivery, operation, call) {
    if (!isGenuine(delivery, call)) return null;
    const body = parseJson(Buffer.from(delivery.body).toString('utf8'), JOB_ID_KEYS);
    return jobIdOf(body) === idOf(operation) ? { status: statusOf(body, call) } : null;
  },
};

/**
 * Acme counts whole seconds; what is adjusted is said.
 *
 * @param {number | undefined} wanted
 * @param {CallContext} call
 */
function wholeSeconds(wanted, call) {
  if (wanted === undefined || Number.isInteger(wanted)) return wanted;
  const seconds = Math.round(wanted);
  call.warn({ param: 'duration_seconds', action: 'mapped', message: `${wanted} was rounded to ${seconds}` });
  return seconds;
}

/** @param {unknown} operation */
function idOf(operation) {
  const id = text(record(operation)?.id);
  if (id === undefined) throw new ProviderError('internal', 'the operation has no id');
  return id;
}

/** @param {unknown} operation */
function pathOf(operation) {
  return `/v1/videos/${encodeURIComponent(idOf(operation))}`;
}

/**
 * @param {unknown} body
 * @param {CallContext} call
 * @returns {OperationStatus}
 */
function statusOf(body, call) {
  const report = jobReport(body);
  if (report === undefined) {
    throw new ProviderError('invalid_response', declaredError(body)?.message ?? 'Acme answered without a status');
  }
  const { job, status } = report;
  // The SDK knows vendors' words for a job's states; a word that it does not know is waited on.
  switch (jobState(status)) {
    case 'pending':
      return { state: 'pending', progress: progressOf(job.progress) };
    case 'succeeded': {
      const media = mediaOf(job);
      return { state: 'succeeded', outputs: media === undefined ? [] : [{ media }] };
    }
    case 'failed':
    case 'rejected':
    case 'expired':
      return { state: 'failed', error: vendorFailure(readVendorError(job) ?? {}, call, ERRORS) };
    case 'cancelled':
      return { state: 'cancelled', charged: 'no' };
    default:
      return { state: 'pending', unrecognizedStatus: status };
  }
}

/**
 * https://acme.test/docs/webhooks: the hex HMAC-SHA256 of the exact body.
 *
 * @param {import('@litegen/plugin-sdk').RawDelivery} delivery
 * @param {CallContext} call
 */
function isGenuine(delivery, call) {
  if (!call.hasSecret('webhookSecret')) return false;
  const wanted = createHmac('sha256', call.secret('webhookSecret')).update(delivery.body).digest();
  const given = Buffer.from(delivery.headers['acme-signature'] ?? '', 'hex');
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
