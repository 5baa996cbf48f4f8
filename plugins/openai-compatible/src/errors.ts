import { type CallContext, ProviderError, type ProviderErrorCode, type VendorResponse } from '@litegen/plugin-sdk';

/** What the three shapes of error bodies have in common. */
export interface ServerError {
  readonly message?: string;
  readonly type?: string;
  readonly param?: string;
  readonly code?: string;
}

const MODERATION_CODES = new Set(['moderation_blocked', 'content_policy_violation']);
const QUOTA_CODES = new Set(['insufficient_quota', 'billing_hard_limit_reached', 'insufficient_balance']);
/** Wire name → gateway name. */
const PARAMS: Readonly<Record<string, string>> = {
  num_inference_steps: 'steps',
  seconds: 'duration_seconds',
  mask_image: 'mask',
  'image[]': 'image',
  generate_sound: 'audio',
  input_reference: 'first_frame',
};

/**
 * Reads `{error: {message, type, param, code}}` (OpenAI with a word as code, vLLM with a number), `{detail: text}` and
 * `{detail: [{loc, msg, type}]}` (FastAPI), and `{error: text}`.
 */
export function readServerError(body: unknown): ServerError {
  if (!isRecord(body)) return {};
  const { error, detail } = body;
  if (typeof error === 'string') return { message: error };
  if (isRecord(error)) {
    return { message: text(error.message), type: text(error.type), param: text(error.param), code: text(error.code) };
  }
  if (typeof detail === 'string') return { message: detail };
  if (Array.isArray(detail)) return readValidation(detail as unknown[]);
  return { message: text(body.message) };
}

function readValidation(detail: readonly unknown[]): ServerError {
  const first = detail.find(isRecord);
  const location = first && Array.isArray(first.loc) ? (first.loc as unknown[]) : [];
  // `loc` starts with where the value was looked for, such as `body`.
  const path = location.slice(1).filter((part) => typeof part === 'string' || typeof part === 'number');
  const param = path.length > 0 ? path.join('.') : undefined;
  const message = text(first?.msg);
  return { message: param === undefined ? message : `${param}: ${message ?? 'invalid'}`, type: text(first?.type), param };
}

/** @throws ProviderError always: what a response with an error status means. */
export async function throwVendorError(response: VendorResponse, call: CallContext): Promise<never> {
  const body = await response.text();
  const error = readServerError(parse(body));
  const code = classify(response.status, error);
  throw new ProviderError(code, messageFor(code, response.status, error, call), {
    // A proxy that gave up says nothing about the work behind it.
    charged: code === 'unavailable' && (response.status === 502 || response.status === 504) ? 'unknown' : 'no',
    param: isOutOfMemory(error) ? 'size' : gatewayParam(error.param),
    retryAfterMs: retryAfterMs(response.headers, call.now()),
    vendorStatus: response.status,
    vendorCode: error.code ?? error.type,
    vendorRequestId: response.headers['x-request-id'],
  });
}

export function classify(status: number, error: ServerError): ProviderErrorCode {
  if (error.code !== undefined && MODERATION_CODES.has(error.code)) return 'content_rejected';
  if (status === 402 || error.type === 'insufficient_quota' || (error.code !== undefined && QUOTA_CODES.has(error.code))) {
    return 'quota_exhausted';
  }
  if (status === 401) return 'authentication_failed';
  if (status === 403) return 'permission_denied';
  // The route or the model is not there.
  if (status === 404 || status === 405 || status === 501 || error.code === 'model_not_found') return 'unsupported';
  if (status === 408) return 'timeout';
  if (status === 429) return 'rate_limited';
  if (isOutOfMemory(error)) return 'invalid_request';
  return status >= 500 || status === 409 || status < 400 ? 'unavailable' : 'invalid_request';
}

/** The servers have no code for it, and the same request would fail the same way. */
function isOutOfMemory(error: ServerError): boolean {
  return error.message !== undefined && /out of memory/i.test(error.message);
}

function messageFor(code: ProviderErrorCode, status: number, error: ServerError, call: CallContext): string {
  const key = call.hasSecret('apiKey') ? call.secret('apiKey') : '';
  // Some servers repeat a part of the key in this message.
  if (code === 'authentication_failed') return key === '' ? 'The server wants an API key.' : 'The server did not accept the API key.';
  const message = error.message ?? `The server answered with status ${status}.`;
  return key === '' ? message : message.replaceAll(key, '[secret]');
}

function gatewayParam(param: string | undefined): string | undefined {
  return param === undefined ? undefined : (PARAMS[param] ?? param);
}

/** `retry-after` in seconds or as a date. */
function retryAfterMs(headers: VendorResponse['headers'], now: Date): number | undefined {
  const value = headers['retry-after'];
  if (value === undefined) return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return seconds >= 0 ? Math.ceil(seconds * 1000) : undefined;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined;
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
