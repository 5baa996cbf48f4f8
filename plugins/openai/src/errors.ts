import { type CallContext, type Charged, ProviderError, type ProviderErrorCode, type VendorResponse } from '@litegen/plugin-sdk';

/** The `error` object of OpenAI's answers and of its `error` events. */
export interface VendorError {
  readonly message?: string;
  readonly type?: string;
  readonly param?: string;
  readonly code?: string;
  /** `input`, `output` or `unknown`, when moderation refused. */
  readonly moderationStage?: string;
}

const MODERATION_CODES = new Set(['moderation_blocked', 'content_policy_violation']);

/** They come with status 429, or 400 from older billing checks; waiting helps in neither case. */
const QUOTA_CODES = new Set([
  'insufficient_quota',
  'billing_hard_limit_reached',
  'credit_balance_exhausted',
  'organization_spend_limit_exceeded',
  'project_spend_limit_exceeded',
  'organization_usage_limit_exceeded',
]);

/** Reads `{error: {…}}`, or the bare object of an event. Undefined when there is none. */
export function readVendorError(body: unknown): VendorError | undefined {
  if (!isRecord(body)) return undefined;
  const error = isRecord(body.error) ? body.error : body;
  const text = (name: string): string | undefined => (typeof error[name] === 'string' ? error[name] : undefined);
  const details = isRecord(error.moderation_details) ? error.moderation_details : {};
  const stage = details.moderation_stage;
  return {
    message: text('message'),
    type: text('type'),
    param: text('param'),
    code: text('code'),
    moderationStage: typeof stage === 'string' ? stage : undefined,
  };
}

/** @throws ProviderError always: what a response with an error status means. */
export async function throwVendorError(response: VendorResponse, call: CallContext): Promise<never> {
  const text = await response.text();
  const error = readVendorError(parse(text)) ?? {};
  throw toProviderError(response.status, error, response.headers, call);
}

/** @param status The HTTP status; 200 for an error inside a stream. */
export function toProviderError(status: number, error: VendorError, headers: VendorResponse['headers'], call: CallContext): ProviderError {
  const code = classify(status, error);
  return new ProviderError(code, messageFor(code, status, error, call), {
    charged: chargedFor(code, status, error),
    param: gatewayParam(error.param),
    retryAfterMs: retryAfterMs(headers, call.now()),
    vendorStatus: status,
    vendorCode: error.code ?? error.type,
    vendorRequestId: headers['x-request-id'],
  });
}

function classify(status: number, error: VendorError): ProviderErrorCode {
  if (error.code !== undefined && MODERATION_CODES.has(error.code)) return 'content_rejected';
  if (error.type === 'insufficient_quota' || (error.code !== undefined && QUOTA_CODES.has(error.code))) return 'quota_exhausted';
  if (error.code === 'rate_limit_exceeded') return 'rate_limited';
  if (status === 401) return 'authentication_failed';
  if (status === 403) return 'permission_denied';
  // An unknown or retired model; its exact status is not documented.
  if (status === 404 || status === 410 || error.code === 'model_not_found') return 'unsupported';
  if (status === 408) return 'timeout';
  if (status === 429) return 'rate_limited';
  if (status >= 500 || status === 409 || status < 400) return 'unavailable';
  return 'invalid_request';
}

function chargedFor(code: ProviderErrorCode, status: number, error: VendorError): Charged {
  if (code === 'content_rejected') return error.moderationStage === 'output' ? 'unknown' : 'no';
  // A proxy that gave up, or a stream that broke off, says nothing about the image behind it.
  return code === 'unavailable' && (status === 502 || status === 504 || status < 400) ? 'unknown' : 'no';
}

function messageFor(code: ProviderErrorCode, status: number, error: VendorError, call: CallContext): string {
  // OpenAI repeats a part of the key in this message.
  if (code === 'authentication_failed') return 'OpenAI did not accept the API key.';
  const message = error.message ?? `OpenAI answered with status ${status}.`;
  const key = call.hasSecret('apiKey') ? call.secret('apiKey') : '';
  return key === '' ? message : message.replaceAll(key, '[secret]');
}

function gatewayParam(param: string | undefined): string | undefined {
  if (param === 'safety_identifier') return 'user';
  return param?.startsWith('images') ? 'image' : param;
}

/** `retry-after-ms`, then `retry-after` in seconds or as a date. */
function retryAfterMs(headers: VendorResponse['headers'], now: Date): number | undefined {
  const milliseconds = Number(headers['retry-after-ms'] ?? Number.NaN);
  if (Number.isFinite(milliseconds) && milliseconds >= 0) return Math.ceil(milliseconds);
  const value = headers['retry-after'];
  if (value === undefined) return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return seconds >= 0 ? Math.ceil(seconds * 1000) : undefined;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
