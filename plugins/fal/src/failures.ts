import { type CallContext, ProviderError, type VendorFailure, type VendorResponse } from '@litegen/plugin-sdk';
import {
  CANCELLED_TYPES,
  FAILURE_MESSAGES,
  FAILURE_STATUSES,
  FAILURE_TYPES,
  type FailureMeaning,
  OTHER_CLIENT_FAILURE,
  OTHER_SERVER_FAILURE,
  UNKNOWN_FAILURE,
} from './failure-table.js';
import { paramOf } from './input.js';
import { asArray, asObject, asText, parseJson } from './json.js';

/** What fal said about a failure, in any of its shapes. */
export interface FalFailure {
  /** 0 when unknown, as in a status body. */
  readonly status: number;
  /** False for a body that is none of fal's shapes, such as a proxy's page. */
  readonly inFalsWords: boolean;
  readonly type?: string;
  readonly message: string;
  readonly param?: string;
  /** `X-Fal-Retryable`, when sent. */
  readonly retryable?: boolean;
}

/** The parts of fal's answer that failures are read from. */
export interface FailureSource {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

const MESSAGE_LIMIT = 500;

/**
 * Reads the three shapes: `{detail: [{loc, msg, type}]}` of models, `{detail, error_type}` of the platform, and
 * `{detail}`, `{message}`, `{error: text}` or `{error: {message, code | type}}` of older gateways and the Platform API.
 */
export function readFailure(source: FailureSource): FalFailure {
  const body = asObject(source.body) ?? {};
  const first = asObject(asArray(body.detail)[0]);
  const error = asObject(body.error);
  const retryable = source.headers?.['x-fal-retryable'];
  const said =
    asText(first?.msg) ??
    asText(body.detail) ??
    asText(error?.message) ??
    asText(body.message) ??
    asText(body.error) ??
    asText(source.body);
  const type =
    asText(first?.type) ??
    asText(body.error_type) ??
    asText(source.headers?.['x-fal-error-type']) ??
    asText(error?.type) ??
    asText(error?.code);
  const field = asArray(first?.loc)
    .filter((part) => typeof part === 'string')
    .find((part) => part !== 'body');
  return {
    status: source.status,
    inFalsWords: asObject(source.body) !== undefined && (said !== undefined || type !== undefined),
    type,
    message: (said ?? `HTTP ${source.status}`).slice(0, MESSAGE_LIMIT),
    ...(field === undefined ? {} : { param: paramOf(field) }),
    ...(retryable === undefined ? {} : { retryable: retryable.toLowerCase() === 'true' }),
  };
}

export function meaningOf(failure: FalFailure): FailureMeaning {
  const meaning = byType(failure) ?? byMessage(failure) ?? byStatus(failure.status);
  // fal's own verdict: the same request would fail again, here and now.
  return meaning.code === 'unavailable' && failure.retryable === false ? { ...meaning, code: 'internal' } : meaning;
}

export function isCancelled(failure: FalFailure): boolean {
  return failure.status === 499 || (failure.type !== undefined && CANCELLED_TYPES.includes(failure.type));
}

/** A failed generation, as the operation's end. */
export function vendorFailure(failure: FalFailure, call: CallContext): VendorFailure {
  const { code, charged } = meaningOf(failure);
  return { code, charged, message: presentable(failure.message, call), param: failure.param, vendorCode: failure.type };
}

/** The error of an unsuccessful response to a question or a submission. */
export async function responseError(response: VendorResponse, call: CallContext, submits: boolean): Promise<ProviderError> {
  const text = await response.text();
  const failure = readFailure({ status: response.status, headers: response.headers, body: parseJson(text) ?? text });
  const { code, charged } = meaningOf(failure);
  // Something between here and fal gave up waiting: fal may have queued the work all the same.
  const lost = submits && !failure.inFalsWords && (response.status === 502 || response.status === 504);
  return new ProviderError(code, presentable(failure.message, call), {
    charged: lost ? 'unknown' : submits ? 'no' : charged,
    param: failure.param,
    retryAfterMs: retryAfterMs(response.headers['retry-after'], call),
    vendorStatus: response.status,
    vendorCode: failure.type,
    vendorRequestId: response.headers['x-fal-request-id'],
  });
}

function byType({ type }: FalFailure): FailureMeaning | undefined {
  return type !== undefined && Object.hasOwn(FAILURE_TYPES, type) ? FAILURE_TYPES[type] : undefined;
}

function byMessage({ status, message }: FalFailure): FailureMeaning | undefined {
  return FAILURE_MESSAGES.find(({ pattern, statuses }) => (status === 0 || statuses.includes(status)) && pattern.test(message))?.meaning;
}

function byStatus(status: number): FailureMeaning {
  const known = FAILURE_STATUSES[status];
  if (known !== undefined) return known;
  if (status < 400) return UNKNOWN_FAILURE;
  return status < 500 ? OTHER_CLIENT_FAILURE : OTHER_SERVER_FAILURE;
}

/** Vendors echo headers now and then; a key must not travel on in a message. */
function presentable(message: string, call: CallContext): string {
  const clean = call.hasSecret('apiKey') ? message.replaceAll(call.secret('apiKey'), '[redacted]') : message;
  return `fal: ${clean}`;
}

/** `Retry-After` is either seconds or a date. */
function retryAfterMs(header: string | undefined, call: CallContext): number | undefined {
  if (header === undefined) return undefined;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - call.now().getTime();
  return Number.isFinite(ms) && ms >= 0 ? Math.round(ms) : undefined;
}
