import { type CallContext, responseError, type VendorErrorOptions, type VendorRequestInit, type VendorResponse } from '@litegen/plugin-sdk';

const API_BASE = 'https://api.acme.test';

/** https://acme.test/docs/errors: what Acme says in words of its own. The usual codes and statuses are known to the SDK. */
export const ERRORS: VendorErrorOptions = {
  vendor: 'Acme',
  table: { codes: { content_policy: 'content_rejected', no_credit: 'quota_exhausted' } },
};

/** Calls the vendor. @throws ProviderError for every answer that is not 2xx. */
export async function ask(call: CallContext, path: string, init: VendorRequestInit = {}): Promise<VendorResponse> {
  const headers = { authorization: `Bearer ${call.secret('apiKey')}`, ...init.headers };
  const response = await call.fetch((call.apiBase ?? API_BASE) + path, { ...init, headers });
  if (!response.ok) throw await responseError(response, call, ERRORS);
  return response;
}
