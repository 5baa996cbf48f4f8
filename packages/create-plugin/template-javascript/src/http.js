import { ProviderError } from '@litegen/plugin-sdk';

/**
 * @typedef {import('@litegen/plugin-sdk').CallContext} CallContext
 * @typedef {import('@litegen/plugin-sdk').ProviderErrorCode} ProviderErrorCode
 * @typedef {import('@litegen/plugin-sdk').VendorRequestInit} VendorRequestInit
 * @typedef {import('@litegen/plugin-sdk').VendorResponse} VendorResponse
 */

const API_BASE = 'https://api.acme.test';
const MAX_MESSAGE_LENGTH = 500;

/**
 * https://acme.test/docs/errors
 *
 * @type {Readonly<Record<number, ProviderErrorCode>>}
 */
const CODE_BY_STATUS = {
  400: 'invalid_request',
  401: 'authentication_failed',
  402: 'quota_exhausted',
  403: 'permission_denied',
  404: 'invalid_request',
  408: 'timeout',
  422: 'invalid_request',
  429: 'rate_limited',
};

/**
 * The vendor's own codes that say more than the HTTP status.
 *
 * @type {Readonly<Record<string, ProviderErrorCode>>}
 */
const CODE_BY_VENDOR_CODE = {
  content_policy: 'content_rejected',
  no_credit: 'quota_exhausted',
};

/**
 * The value as an object; what is none has no fields.
 *
 * @param {unknown} value
 * @returns {Readonly<Record<string, unknown>>}
 */
export function fieldsOf(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? /** @type {Record<string, unknown>} */ (value) : {};
}

/** @param {unknown} value */
export function textOf(value) {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/**
 * Calls the vendor. Throws a ProviderError for every answer that is not 2xx.
 *
 * @param {CallContext} call
 * @param {string} path
 * @param {VendorRequestInit} init
 */
export async function ask(call, path, init = {}) {
  const headers = { authorization: `Bearer ${call.secret('apiKey')}`, ...init.headers };
  const response = await call.fetch((call.apiBase ?? API_BASE) + path, { ...init, headers });
  if (!response.ok) throw await failureOf(response, init.submits === true, call.now());
  return response;
}

/**
 * The gateway's code for an error that the vendor names in a body.
 *
 * @param {string | undefined} vendorCode
 * @param {ProviderErrorCode} otherwise
 */
export function codeOf(vendorCode, otherwise) {
  return (vendorCode === undefined ? undefined : CODE_BY_VENDOR_CODE[vendorCode]) ?? otherwise;
}

/**
 * @param {VendorResponse} response
 * @param {boolean} submits
 * @param {Date} now
 */
async function failureOf(response, submits, now) {
  const { status } = response;
  const error = fieldsOf(fieldsOf(parsed(await response.text())).error);
  const vendorCode = textOf(error.code);
  const message = textOf(error.message) ?? `Acme answered HTTP ${status}`;
  const refused = status >= 400 && status < 500 && status !== 408;
  return new ProviderError(
    codeOf(vendorCode, CODE_BY_STATUS[status] ?? (status >= 500 ? 'unavailable' : 'invalid_request')),
    message.slice(0, MAX_MESSAGE_LENGTH),
    {
      // Acme bills nothing that it refused. Behind a 5xx or a 408 the work may have begun.
      charged: submits && !refused ? 'unknown' : 'no',
      retryAfterMs: retryAfterMs(response.headers['retry-after'], now),
      vendorStatus: status,
      vendorCode,
      vendorRequestId: response.headers['x-request-id'],
    },
  );
}

/**
 * @param {string} text
 * @returns {unknown}
 */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Seconds or an HTTP date.
 *
 * @param {string | undefined} header
 * @param {Date} now
 */
function retryAfterMs(header, now) {
  if (header === undefined) return undefined;
  const milliseconds = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now.getTime();
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : undefined;
}
