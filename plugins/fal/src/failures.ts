import {
  type CallContext,
  meaningOf as commonMeaningOf,
  list,
  ProviderError,
  parseJson,
  record,
  retryAfterMs,
  text,
  type VendorFailure,
  type VendorResponse,
} from '@litegen/plugin-sdk';
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
  const body = record(source.body) ?? {};
  const first = record(list(body.detail)[0]);
  const error = record(body.error);
  const retryable = source.headers?.['x-fal-retryable'];
  const said = text(first?.msg) ?? text(body.detail) ?? text(error?.message) ?? text(body.message) ?? text(body.error) ?? text(source.body);
  const type =
    text(first?.type) ?? text(body.error_type) ?? text(source.headers?.['x-fal-error-type']) ?? text(error?.type) ?? text(error?.code);
  const field = list(first?.loc)
    .filter((part) => typeof part === 'string')
    .find((part) => part !== 'body');
  return {
    status: source.status,
    inFalsWords: record(source.body) !== undefined && (said !== undefined || type !== undefined),
    type,
    message: (said ?? `HTTP ${source.status}`).slice(0, MESSAGE_LIMIT),
    ...(field === undefined ? {} : { param: paramOf(field) }),
    ...(retryable === undefined ? {} : { retryable: retryable.toLowerCase() === 'true' }),
  };
}

export function meaningOf(failure: FalFailure): FailureMeaning {
  const meaning = byType(failure) ?? byMessage(failure) ?? byStatus(failure.status) ?? byWords(failure);
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

/** A failure that fal declares in an answer of status 200, if the answer is one. */
export function declaredFailure(body: unknown): FalFailure | undefined {
  const failure = readFailure({ status: 0, body });
  return failure.inFalsWords ? failure : undefined;
}

/** The error of an unsuccessful response to a question or a submission. */
export async function responseError(response: VendorResponse, call: CallContext, submits: boolean): Promise<ProviderError> {
  const body = await response.text();
  const failure = readFailure({ status: response.status, headers: response.headers, body: parsed(body) ?? body });
  return toError(failure, response, call, submits);
}

export function toError(failure: FalFailure, { status, headers }: FailureResponse, call: CallContext, submits: boolean): ProviderError {
  const { code, charged } = meaningOf(failure);
  // Something between here and fal gave up waiting, or fal took the request and nobody knows what its words mean.
  const lost = failure.inFalsWords ? status < 400 && code === UNKNOWN_FAILURE.code : status === 502 || status === 504;
  return new ProviderError(code, presentable(failure.message, call), {
    charged: submits ? (lost ? 'unknown' : 'no') : charged,
    param: failure.param,
    retryAfterMs: retryAfterMs(headers, call.now()),
    vendorStatus: status,
    vendorCode: failure.type,
    vendorRequestId: headers['x-fal-request-id'],
  });
}

type FailureResponse = Pick<VendorResponse, 'status' | 'headers'>;

/** Undefined as well when the text is not JSON. */
export function parsed(json: string): unknown {
  try {
    return parseJson(json);
  } catch {
    return undefined;
  }
}

function byType({ type }: FalFailure): FailureMeaning | undefined {
  return type !== undefined && Object.hasOwn(FAILURE_TYPES, type) ? FAILURE_TYPES[type] : undefined;
}

function byMessage({ status, message }: FalFailure): FailureMeaning | undefined {
  return FAILURE_MESSAGES.find(({ pattern, statuses }) => (status === 0 || statuses.includes(status)) && pattern.test(message))?.meaning;
}

function byStatus(status: number): FailureMeaning | undefined {
  const known = FAILURE_STATUSES[status];
  if (known !== undefined || status < 400) return known;
  return status < 500 ? OTHER_CLIENT_FAILURE : OTHER_SERVER_FAILURE;
}

/** What other vendors mean by such words. fal does not say whether it bills for it. */
function byWords({ type, message }: FalFailure): FailureMeaning {
  return { code: commonMeaningOf({ code: type, message }, 0) ?? UNKNOWN_FAILURE.code, charged: UNKNOWN_FAILURE.charged };
}

/** Vendors echo headers now and then; a key must not travel on in a message. */
function presentable(message: string, call: CallContext): string {
  const clean = call.hasSecret('apiKey') ? message.replaceAll(call.secret('apiKey'), '[redacted]') : message;
  return `fal: ${clean}`;
}
