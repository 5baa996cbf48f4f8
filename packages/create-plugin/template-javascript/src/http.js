import { responseError } from '@litegen/plugin-sdk';

/**
 * @typedef {import('@litegen/plugin-sdk').CallContext} CallContext
 * @typedef {import('@litegen/plugin-sdk').VendorRequestInit} VendorRequestInit
 */

const API_BASE = 'https://api.acme.test';

/**
 * https://acme.test/docs/errors: what Acme says in words of its own. The usual codes and statuses are known to the SDK.
 *
 * @type {import('@litegen/plugin-sdk').VendorErrorOptions}
 */
export const ERRORS = {
  vendor: 'Acme',
  table: { codes: { content_policy: 'content_rejected', no_credit: 'quota_exhausted' } },
};

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
  if (!response.ok) throw await responseError(response, call, ERRORS);
  return response;
}
