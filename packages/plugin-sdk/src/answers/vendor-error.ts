import type { CallContext, VendorResponse } from '../context.js';
import { type Charged, ProviderError, type ProviderErrorCode } from '../errors.js';
import type { VendorFailure } from '../result.js';
import { bareWord, COMMON_CODES, COMMON_STATUSES, COMMON_TEXTS, type ErrorTable, VAGUE_TYPES } from './error-tables.js';
import { parseJson } from './json-text.js';
import { list, record, text } from './values.js';

/** What a vendor said about a failure. */
export interface VendorWords {
  readonly message?: string;
  readonly type?: string;
  readonly code?: string;
  /** The vendor's name of the field. */
  readonly param?: string;
  /** The HTTP status that the body itself names. */
  readonly status?: number;
  /** `output`: the moderation looked at what was made. */
  readonly moderationStage?: string;
}

export interface VendorErrorOptions {
  /** For messages, such as `OpenAI`. */
  readonly vendor: string;
  /** The vendor's own codes. */
  readonly table?: ErrorTable;
  /** The vendor's names of fields → the gateway's; the name of a whole also stands for its parts. */
  readonly params?: Readonly<Record<string, string>>;
  /** Secrets that vendors may repeat in messages, by the manifest's names. Default: `apiKey`. */
  readonly secrets?: readonly string[];
}

/** Words that tell of no failure where a code or a status stands. */
const FINE = new Set(['', '0', '200', '201', '202', 'ok', 'success', 'succeed', 'succeeded', 'true']);

/**
 * Reads a failure from a body in any of the usual shapes: `{error: {message, type, param, code}}` with a word or a number as code,
 * `{error: text}`, `{errors: […]}`, `{detail: text}` and `{detail: [{loc, msg, type}]}`, `{base_resp: {status_code, status_msg}}`,
 * `{code, message}`, `{success: false, message}`. Undefined when it holds none.
 */
export function readVendorError(body: unknown): VendorWords | undefined {
  const fields = record(body);
  if (fields === undefined) return undefined;
  const { error, errors, detail } = fields;
  const base = record(fields.base_resp);
  if (base !== undefined && !isFine(base.status_code)) return { code: text(base.status_code), message: text(base.status_msg) };
  const inner = record(error) ?? record(list(errors)[0]) ?? record(record(fields.Response)?.Error) ?? record(detail);
  if (inner !== undefined && Object.keys(inner).length > 0) return wordsOf(inner, fields);
  const said = text(error) ?? text(list(errors)[0]) ?? text(detail);
  if (said !== undefined) return { message: said, code: codeIn(fields), type: text(fields.error_type), status: statusIn(fields) };
  const invalid = list(detail).map(record).find(Boolean);
  if (invalid !== undefined) return validation(invalid);
  const words = { message: messageIn(fields), code: codeIn(fields), type: text(fields.type), status: statusIn(fields) };
  return words.message === undefined && words.code === undefined ? undefined : words;
}

/**
 * A failure that a body declares as such: an `error`, `errors` or `detail`, a `success` that is false, a `base_resp` or a `code` that is not
 * fine. For answers of which a `message` alone says nothing.
 */
export function declaredError(body: unknown): VendorWords | undefined {
  const fields = record(body);
  if (fields === undefined) return undefined;
  const { message: _message, msg: _msg, ...others } = fields;
  return fields.success === false || readVendorError(others) !== undefined ? readVendorError(fields) : undefined;
}

function wordsOf(error: Readonly<Record<string, unknown>>, around: Readonly<Record<string, unknown>>, depth = 0): VendorWords {
  const deeper = messageIn(error) === undefined && depth < 2 ? record(error.error) : undefined;
  if (deeper !== undefined) return wordsOf(deeper, error, depth + 1);
  return {
    message: messageIn(error) ?? messageIn(around),
    type: text(error.type) ?? text(record(error.innererror)?.code),
    code: codeIn(error),
    param: text(error.param) ?? text(error.parameter),
    status: statusIn(error) ?? statusIn(around),
    moderationStage: text(record(error.moderation_details)?.moderation_stage),
  };
}

/** One entry of FastAPI's list. `loc` begins with where the value was looked for, such as `body`. */
function validation(entry: Readonly<Record<string, unknown>>): VendorWords {
  const path = list(entry.loc).slice(1).map(text).filter(Boolean);
  const param = path.length === 0 ? undefined : path.join('.');
  const said = text(entry.msg) ?? messageIn(entry);
  return { message: param === undefined ? said : `${param}: ${said ?? 'invalid'}`, type: text(entry.type), param, status: 422 };
}

const MESSAGES = [
  'message',
  'msg',
  'error_message',
  'error_msg',
  'fail_reason',
  'failure_reason',
  'failure_message',
  'reason',
  'Message',
  'detail',
];

function messageIn(fields: Readonly<Record<string, unknown>>): string | undefined {
  return MESSAGES.map((name) => text(fields[name])).find((said) => said !== undefined && !isFine(said));
}

function codeIn(fields: Readonly<Record<string, unknown>>): string | undefined {
  const code = text(fields.code) ?? text(fields.Code) ?? text(fields.error_code) ?? text(fields.failure_code) ?? text(fields.err_code);
  return isFine(code) ? undefined : code;
}

function isFine(value: unknown): boolean {
  return value === undefined || value === null || FINE.has(String(value).trim().toLowerCase());
}

function statusIn(fields: Readonly<Record<string, unknown>>): number | undefined {
  return [fields.code, fields.status, fields.status_code, fields.statusCode, fields.http_code]
    .map((value) => (/^[45]\d\d$/.test(text(value) ?? '') ? Number(value) : undefined))
    .find((status) => status !== undefined);
}

/**
 * What a failure means. Undefined when neither the vendor's code nor its status nor its words tell.
 * @param status the HTTP status of the answer; what the body says counts where that is below 400
 */
export function meaningOf(
  words: VendorWords,
  status: number,
  { codes = {}, statuses = {} }: ErrorTable = {},
): ProviderErrorCode | undefined {
  const own = new Map(Object.entries(codes).map(([word, code]) => [bareWord(word), code]));
  const said = [words.code, words.type].flatMap((word) => (word === undefined ? [] : [bareWord(word)]));
  const known = said.map((word) => own.get(word) ?? COMMON_CODES.get(word)).find((code) => code !== undefined);
  const effective = status >= 400 ? status : (words.status ?? 0);
  // A server's error keeps its own meaning below, whatever its text is about.
  if (known !== undefined && !(known === 'unavailable' && effective >= 400 && effective < 500)) return refine(known, words);
  if (effective >= 400) {
    const code = statuses[effective] ?? COMMON_STATUSES[effective] ?? (effective < 500 ? 'invalid_request' : 'unavailable');
    return refine(code, words);
  }
  const told = COMMON_TEXTS.find(([pattern]) => pattern.test(beginning(words.message)))?.[1];
  return told ?? said.map((word) => VAGUE_TYPES.get(word)).find((code) => code !== undefined);
}

/** Refusals for moderation and for want of money come under codes of many kinds. */
function refine(code: ProviderErrorCode, words: VendorWords): ProviderErrorCode {
  const message = beginning(words.message);
  if (!['invalid_request', 'permission_denied', 'rate_limited', 'unavailable'].includes(code)) return code;
  // The same request would fail in the same way.
  if (code === 'unavailable') return /out of memory/i.test(message) ? 'invalid_request' : code;
  const told = COMMON_TEXTS.slice(0, 2).find(([pattern]) => pattern.test(message))?.[1];
  return told === undefined || (code === 'rate_limited' && told === 'content_rejected') ? code : told;
}

function beginning(message = ''): string {
  return message.slice(0, 2_000);
}

/** The error of an answer that tells of a failure, whatever its status. Reads the body. */
export async function responseError(response: VendorResponse, call: CallContext, options: VendorErrorOptions): Promise<ProviderError> {
  const body = await response.text();
  let words: VendorWords | undefined;
  try {
    words = readVendorError(parseJson(body));
  } catch {
    // A proxy's page, or a server's bare words, which are worth telling when they are short.
    words = /^[^<{]{1,300}$/.test(body.trim()) ? { message: body.trim() } : undefined;
  }
  return vendorError(words ?? {}, response, call, options);
}

/** The error that a vendor's words mean, in an answer of that status. */
export function vendorError(
  words: VendorWords,
  { status, headers }: Pick<VendorResponse, 'status' | 'headers'>,
  call: CallContext,
  options: VendorErrorOptions,
): ProviderError {
  const meaning = meaningOf(words, status, options.table);
  const code = meaning ?? 'unavailable';
  return new ProviderError(code, shown(code, words, call, options) ?? `${options.vendor} answered with status ${status}.`, {
    charged: chargedFor(meaning, words, status),
    param: paramOf(words, options),
    retryAfterMs: retryAfterMs(headers, call.now()),
    vendorStatus: status,
    vendorCode: words.code ?? words.type,
    vendorRequestId: headers['x-request-id'],
  });
}

/** A failed job, as what its words mean. */
export function vendorFailure(words: VendorWords, call: CallContext, options: VendorErrorOptions): VendorFailure {
  const code = meaningOf(words, 0, options.table) ?? 'unavailable';
  return {
    code,
    message: shown(code, words, call, options) ?? `${options.vendor} reported a failure without a reason.`,
    charged: 'no',
    param: paramOf(words, options),
    vendorCode: words.code ?? words.type,
  };
}

function chargedFor(code: ProviderErrorCode | undefined, { moderationStage }: VendorWords, status: number): Charged {
  if (code === 'content_rejected') return moderationStage === 'output' ? 'unknown' : 'no';
  // A proxy that gave up says nothing about the work behind it, and a vendor that took the request may bill for work that failed.
  const lost = status === 502 || status === 504 || status < 400;
  return lost && (code === undefined || ['unavailable', 'timeout', 'internal'].includes(code)) ? 'unknown' : 'no';
}

function shown(code: ProviderErrorCode, { message }: VendorWords, call: CallContext, options: VendorErrorOptions): string | undefined {
  const names = (options.secrets ?? ['apiKey']).filter((name) => call.hasSecret(name));
  // Vendors repeat a part of the key in this message.
  if (code === 'authentication_failed') {
    return names.length === 0 ? `${options.vendor} wants an API key.` : `${options.vendor} did not accept the API key.`;
  }
  return names.reduce((said, name) => (call.secret(name) === '' ? said : said?.replaceAll(call.secret(name), '[secret]')), message);
}

function paramOf({ param, message = '' }: VendorWords, { params = {} }: VendorErrorOptions): string | undefined {
  if (/out of memory/i.test(message)) return 'size';
  if (param === undefined) return undefined;
  // `images[0].image_url` is a part of `images`.
  const known = [param, /^[^.[]+/.exec(param)?.[0] ?? ''].find((name) => Object.hasOwn(params, name));
  return known === undefined ? param : params[known];
}

/** `retry-after-ms`, then `retry-after` in seconds or as a date. */
export function retryAfterMs(headers: VendorResponse['headers'], now: Date): number | undefined {
  const milliseconds = Number(headers['retry-after-ms'] ?? Number.NaN);
  if (Number.isFinite(milliseconds) && milliseconds >= 0) return Math.ceil(milliseconds);
  const value = headers['retry-after'];
  if (value === undefined) return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return seconds >= 0 ? Math.ceil(seconds * 1000) : undefined;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}
