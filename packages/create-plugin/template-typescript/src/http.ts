import { type CallContext, ProviderError, type ProviderErrorCode, type VendorRequestInit, type VendorResponse } from '@litegen/plugin-sdk';

const API_BASE = 'https://api.acme.test';
const MAX_MESSAGE_LENGTH = 500;

/** https://acme.test/docs/errors */
const CODE_BY_STATUS: Readonly<Record<number, ProviderErrorCode>> = {
  400: 'invalid_request',
  401: 'authentication_failed',
  402: 'quota_exhausted',
  403: 'permission_denied',
  404: 'invalid_request',
  408: 'timeout',
  422: 'invalid_request',
  429: 'rate_limited',
};

/** The vendor's own codes that say more than the HTTP status. */
const CODE_BY_VENDOR_CODE: Readonly<Record<string, ProviderErrorCode>> = {
  content_policy: 'content_rejected',
  no_credit: 'quota_exhausted',
};

export type Fields = Readonly<Record<string, unknown>>;

/** The value as an object; what is none has no fields. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Calls the vendor. @throws ProviderError for every answer that is not 2xx. */
export async function ask(call: CallContext, path: string, init: VendorRequestInit = {}): Promise<VendorResponse> {
  const headers = { authorization: `Bearer ${call.secret('apiKey')}`, ...init.headers };
  const response = await call.fetch((call.apiBase ?? API_BASE) + path, { ...init, headers });
  if (!response.ok) throw await failureOf(response, init.submits === true, call.now());
  return response;
}

/** The gateway's code for an error that the vendor names in a body. */
export function codeOf(vendorCode: string | undefined, otherwise: ProviderErrorCode): ProviderErrorCode {
  return (vendorCode === undefined ? undefined : CODE_BY_VENDOR_CODE[vendorCode]) ?? otherwise;
}

async function failureOf(response: VendorResponse, submits: boolean, now: Date): Promise<ProviderError> {
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

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Seconds or an HTTP date. */
function retryAfterMs(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) return undefined;
  const milliseconds = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now.getTime();
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : undefined;
}
