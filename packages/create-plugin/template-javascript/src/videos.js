import { createHmac, timingSafeEqual } from 'node:crypto';
import { ProviderError } from '@litegen/plugin-sdk';
import { ask, codeOf, fieldsOf, textOf } from './http.js';

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
      model: textOf(request.model.upstream.model) ?? request.model.name,
      prompt: request.prompt,
      seconds: wholeSeconds(params.duration_seconds, call),
      aspect_ratio: params.aspect_ratio,
      callback_url: call.webhookUrl,
    };
    const headers = { 'idempotency-key': call.idempotencyKey };
    const response = await ask(call, '/v1/videos', { headers, json, submits: true });
    const id = textOf(fieldsOf(await response.json()).id);
    if (id === undefined) throw new ProviderError('invalid_response', 'Acme answered without a job id', { charged: 'unknown' });
    // All that any replica needs to ask again, and no secret in it: the gateway keeps it in its database.
    return { state: 'started', operation: { id }, vendorJobId: id };
  },

  async status(operation, call) {
    return statusOf(await (await ask(call, pathOf(operation))).json());
  },

  async cancel(operation, call) {
    try {
      const answer = await (await ask(call, pathOf(operation), { method: 'DELETE' })).json();
      return fieldsOf(answer).status === 'cancelled' ? 'cancelled' : 'too_late';
    } catch (error) {
      if (ProviderError.is(error) && error.vendorStatus === 409) return 'too_late';
      throw error;
    }
  },

  async parseWebhook(delivery, operation, call) {
    if (!isGenuine(delivery, call)) return null;
    const body = JSON.parse(Buffer.from(delivery.body).toString('utf8'));
    return fieldsOf(body).id === idOf(operation) ? { status: statusOf(body) } : null;
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
  const id = textOf(fieldsOf(operation).id);
  if (id === undefined) throw new ProviderError('internal', 'the operation has no id');
  return id;
}

/** @param {unknown} operation */
function pathOf(operation) {
  return `/v1/videos/${encodeURIComponent(idOf(operation))}`;
}

/**
 * @param {unknown} value
 * @returns {OperationStatus}
 */
function statusOf(value) {
  const job = fieldsOf(value);
  const status = textOf(job.status);
  switch (status) {
    case undefined:
      throw new ProviderError('invalid_response', 'Acme answered without a status');
    case 'queued':
    case 'running':
      return { state: 'pending', progress: progressOf(job.progress) };
    case 'done': {
      const url = textOf(job.url);
      if (url === undefined || !/^https?:/.test(url) || !URL.canParse(url)) {
        throw new ProviderError('invalid_response', 'Acme finished a video without a link to it');
      }
      return { state: 'succeeded', outputs: [{ media: { kind: 'url', url } }] };
    }
    case 'failed': {
      const error = fieldsOf(job.error);
      const vendorCode = textOf(error.code);
      const message = textOf(error.message) ?? 'Acme could not make the video';
      return { state: 'failed', error: { code: codeOf(vendorCode, 'internal'), message, charged: 'no', vendorCode } };
    }
    case 'cancelled':
      return { state: 'cancelled', charged: 'no' };
    default:
      return { state: 'pending', unrecognizedStatus: status };
  }
}

/** @param {unknown} value */
function progressOf(value) {
  return typeof value === 'number' && value >= 0 && value <= 100 ? value : undefined;
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
