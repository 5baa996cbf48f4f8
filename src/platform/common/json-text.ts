import { isAscii, isUtf8 } from 'node:buffer';
import { TextDecoder } from 'node:util';
import { ApiError } from './errors/index.js';

/** Some of what {@link decodeText} takes, for messages. */
const KNOWN_CHARSETS = ['utf-8', 'utf-16le', 'utf-16be', 'iso-8859-1', 'windows-1252', 'shift_jis', 'gb18030', 'euc-kr', 'big5'];
/** Labels of the WHATWG that stand for no charset. */
const NO_CHARSETS = new Set(['replacement', 'x-user-defined']);
/** Its 0x80 to 0x9F, which Node 20 takes for Latin-1's. */
const WINDOWS_1252 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';
const LONGEST_SHOWN = 60;

/** The `charset` of a content type, in lower case. @throws ApiError `invalid_encoding` for two that differ */
export function charsetOf(contentType: string | undefined): string | undefined {
  if (contentType === undefined || !/charset/i.test(contentType)) return undefined;
  const named = [...contentType.matchAll(/;\s*charset\s*=\s*(?:"([^"]*)"|([^\s;]*))/gi)].map(([, quoted, bare]) =>
    (quoted ?? bare ?? '').trim().toLowerCase(),
  );
  if (new Set(named).size > 1) throw badEncoding(`The content type names several charsets: ${named.join(', ').slice(0, LONGEST_SHOWN)}`);
  return named[0];
}

/**
 * Text from bytes that say what they are; nothing that cannot be read is replaced. A byte-order mark is left out.
 * @param charset a label of the WHATWG's encodings; absent: UTF-8
 * @throws ApiError `invalid_encoding` for a charset that is not known, and for bytes that are not text in it
 */
export function decodeText(bytes: Buffer, charset = 'utf-8'): string {
  if (charset === 'utf-8' || charset === 'utf8') {
    // Most bodies are, and it is read in a fraction of the time.
    if (isAscii(bytes)) return bytes.toString('latin1');
    if (!isUtf8(bytes)) throw badEncoding('The body is not valid UTF-8');
    const hasMark = bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    return bytes.toString('utf8', hasMark ? 3 : 0);
  }
  // The WHATWG reads it as little-endian, whatever its mark says.
  const isBigEndian = charset === 'utf-16' && bytes.length >= 2 && bytes[0] === 0xfe && bytes[1] === 0xff;
  const decoder = decoderOf(isBigEndian ? 'utf-16be' : charset);
  try {
    const text = decoder.decode(bytes);
    return decoder.encoding === 'windows-1252' ? text.replace(/[\x80-\x9f]/g, (c) => WINDOWS_1252[c.charCodeAt(0) - 0x80] ?? c) : text;
  } catch (error) {
    throw badEncoding(`The body is not valid ${decoder.encoding}`, error);
  }
}

function decoderOf(charset: string): TextDecoder {
  try {
    const decoder = new TextDecoder(charset, { fatal: true });
    if (!NO_CHARSETS.has(decoder.encoding)) return decoder;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  throw badEncoding(`The unsupported charset ${JSON.stringify(charset.slice(0, LONGEST_SHOWN))} was declared`);
}

function badEncoding(what: string, cause?: unknown): ApiError {
  return new ApiError('invalid_encoding', `${what}.`, { param: 'content-type', accepted: KNOWN_CHARSETS, cause });
}

/** Deeper JSON is refused before it is parsed: whatever walks a value afterwards may do so by recursion. */
export const MOST_JSON_LEVELS = 100;
/** More values than this keep the process busy for too long at once. */
export const MOST_JSON_VALUES = 50_000;

/** As long as a path is shown: it consists of names that the caller chose. */
const LONGEST_PATH = 200;
/** A string that is not over by then is searched for its end instead of read. */
const SHORT_STRING = 64;

const LONE_SURROGATE = /\p{Surrogate}/u;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const DIGIT_ZERO = 0x30;
const DIGIT_NINE = 0x39;

/**
 * Parses JSON of a caller. Every string in it can be stored by both databases, and every number is one.
 * @param part the part of a form that holds it; absent: it is the whole body
 * @throws ApiError `invalid_json` (of a part `malformed_request`), `param_invalid_text`, `param_out_of_range`
 */
export function parseJson(text: string, part?: string): unknown {
  const value = parseBounded(text, part);
  const problem = problemIn(value, { texts: hasEscapedCharacters(text), source: text });
  if (problem !== undefined) throw problem;
  return value;
}

/** Only so can a text get to hold what JSON itself has not. A search for the pair alone is slow where backslashes follow one another. */
function hasEscapedCharacters(text: string): boolean {
  return text.includes('\\') && /\\u[\da-f]/i.test(text);
}

/**
 * Parses JSON that is neither deep nor of too many values; {@link problemIn} tells the rest.
 * @throws ApiError as {@link parseJson}, with a SyntaxError as its cause when it is no JSON
 */
export function parseBounded(text: string, part?: string): unknown {
  // Brackets and commas within strings count as well here, so that most texts need no closer look.
  const mayNest = countOf(text, '[', MOST_JSON_LEVELS) + countOf(text, '{', MOST_JSON_LEVELS) > MOST_JSON_LEVELS;
  if (mayNest || countOf(text, ',', MOST_JSON_VALUES) >= MOST_JSON_VALUES) checkBounds(text, part);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw unreadable(part, `is not valid JSON: ${(error as Error).message}`, error);
  }
}

/** How often a character is there, or `most` and one more. */
function countOf(text: string, character: string, most: number): number {
  let count = 0;
  for (let at = text.indexOf(character); at !== -1 && count <= most; at = text.indexOf(character, at + 1)) count += 1;
  return count;
}

interface Doubts {
  /** Whether texts may hold what cannot be stored. */
  readonly texts: boolean;
  /** The JSON that the value was read from. Absent: its numbers are known to be exact. */
  readonly source?: string;
}

/**
 * The first number in a value that is none or is another than its sender wrote, name that is a prototype's or, unless they are known to
 * be sound, text that a database cannot store.
 */
export function problemIn(value: unknown, doubts: Doubts, path: string[] = []): ApiError | undefined {
  let changed: ReadonlyMap<number, string> | undefined;
  const changedIntegers = (): ReadonlyMap<number, string> => {
    changed ??= changedIntegersOf(doubts.source ?? '');
    return changed;
  };
  return problemOf(value, { texts: doubts.texts, changedIntegers }, path);
}

interface Inspection {
  readonly texts: boolean;
  readonly changedIntegers: () => ReadonlyMap<number, string>;
}

function problemOf(value: unknown, inspection: Inspection, path: string[]): ApiError | undefined {
  const { texts } = inspection;
  if (typeof value === 'string') {
    const problem = texts ? textProblem(value) : undefined;
    return problem === undefined ? undefined : fieldError('param_invalid_text', path, problem);
  }
  if (typeof value === 'number') return numberProblem(value, inspection, path);
  if (typeof value !== 'object' || value === null) return undefined;
  const isList = Array.isArray(value);
  for (const key in value) {
    const member = (value as Readonly<Record<string, unknown>>)[key];
    path.push(isList ? `[${key}]` : path.length === 0 ? key : `.${key}`);
    const problem = (isList ? undefined : nameProblem(key, member, texts, path)) ?? problemOf(member, inspection, path);
    if (problem !== undefined) return problem;
    path.pop();
  }
  return undefined;
}

function numberProblem(value: number, { changedIntegers }: Inspection, path: readonly string[]): ApiError | undefined {
  if (Number.isSafeInteger(value) || !Number.isInteger(value)) {
    return Number.isFinite(value) ? undefined : fieldError('param_out_of_range', path, 'is too large a number');
  }
  const sent = changedIntegers().get(value);
  return sent === undefined ? undefined : inexactInteger(path, sent);
}

/** Of a whole number that would become another one. */
export function inexactInteger(path: readonly string[], sent: string): ApiError {
  const accepted = [`from ${Number.MIN_SAFE_INTEGER} to ${Number.MAX_SAFE_INTEGER}`];
  return fieldError('param_out_of_range', path, `is ${sent}, which is not kept exactly: whole numbers go ${accepted}`, accepted);
}

/** Whether a whole number's digits are those that it would be passed on with. */
export function isExactInteger(digits: string): boolean {
  return String(Number(digits)) === digits || Number.isSafeInteger(Number(digits));
}

/** Whole numbers in a text that are others once they were parsed, by what they became. */
function changedIntegersOf(text: string): Map<number, string> {
  const changed = new Map<number, string>();
  const number = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at + 1);
    if (code !== MINUS && (code < DIGIT_ZERO || code > DIGIT_NINE)) continue;
    number.lastIndex = at;
    const [written = ''] = number.exec(text) ?? [];
    if (/^-?\d+$/.test(written) && !isExactInteger(written)) changed.set(Number(written), written);
    at += Math.max(0, written.length - 1);
  }
  return changed;
}

/** Why a text cannot be stored, or undefined. */
export function textProblem(text: string): string | undefined {
  if (text.includes('\0')) return 'holds U+0000, which cannot be stored';
  return LONE_SURROGATE.test(text) ? 'holds half of a surrogate pair, which is no character' : undefined;
}

function nameProblem(name: string, member: unknown, texts: boolean, path: readonly string[]): ApiError | undefined {
  const problem = texts ? textProblem(name) : undefined;
  if (problem !== undefined) return fieldError('param_invalid_text', path, `has a name that ${problem}`);
  const isPrototype =
    name === '__proto__' || (name === 'constructor' && typeof member === 'object' && member !== null && Object.hasOwn(member, 'prototype'));
  return isPrototype ? forbiddenName(path) : undefined;
}

/** Of `__proto__`, and what else would change every object if anything assigned it. */
export function forbiddenName(path: readonly string[]): ApiError {
  return fieldError('param_unsupported', path, 'is a name that no field may have');
}

function fieldError(
  code: 'param_invalid_text' | 'param_out_of_range' | 'param_unsupported',
  path: readonly string[],
  what: string,
  accepted?: readonly string[],
): ApiError {
  const param = printable(path.join(''));
  return new ApiError(code, `${param === '' ? 'The body' : param} ${what}.`, { param, ...(accepted === undefined ? {} : { accepted }) });
}

/** A name as it may stand in an answer: short, and with what cannot be printed as JSON writes it. */
export function printable(name: string): string {
  return JSON.stringify(name.slice(0, LONGEST_PATH)).slice(1, -1);
}

function unreadable(part: string | undefined, what: string, cause?: unknown): ApiError {
  if (part === undefined) return new ApiError('invalid_json', `The body ${what}.`, { cause });
  return new ApiError('malformed_request', `The part "${part}" ${what}.`, { param: part, cause });
}

/** Goes through the text once, without understanding it. @throws ApiError when it nests too deep or holds too many values */
function checkBounds(text: string, part: string | undefined): void {
  let levels = 0;
  let values = 1;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at + 1);
    } else if (code === 0x5b || code === 0x7b) {
      levels += 1;
      if (levels > MOST_JSON_LEVELS) throw unreadable(part, `nests deeper than ${MOST_JSON_LEVELS} levels`);
    } else if (code === 0x5d || code === 0x7d) {
      levels -= 1;
    } else if (code === 0x2c) {
      values += 1;
      if (values > MOST_JSON_VALUES) throw unreadable(part, `holds more than ${MOST_JSON_VALUES} values`);
    }
  }
}

/** Where the closing quote stands, or the text's end. Escaped quotes may follow one another without end. */
function endOfString(text: string, start: number): number {
  let at = start;
  for (;;) {
    for (const near = at + SHORT_STRING; at < near; at += 1) {
      const code = text.charCodeAt(at);
      if (code === QUOTE || at >= text.length) return at;
      if (code === BACKSLASH) at += 1;
    }
    const quote = text.indexOf('"', at);
    if (quote === -1) return text.length;
    let backslashes = 0;
    while (quote - backslashes > at && text.charCodeAt(quote - backslashes - 1) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return quote;
    at = quote + 1;
  }
}

/** JSON with sorted keys and without absent ones, so that equal values give equal text. @param value what `JSON.parse` could have made */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const names = Object.keys(value);
  if (names.length > 1) names.sort();
  let members = '';
  for (const name of names) {
    const inner: unknown = (value as Record<string, unknown>)[name];
    if (inner !== undefined) members += `${members === '' ? '' : ','}${JSON.stringify(name)}:${canonicalJson(inner)}`;
  }
  return `{${members}}`;
}

/** U+0000, which Postgres stores in no text, and halves of surrogate pairs, which are no characters. */
const NOT_STORABLE = /[\p{Surrogate}\0]/gu;

/** What no database keeps as it is becomes U+FFFD. */
export function storableText(text: string): string {
  return text.replace(NOT_STORABLE, '\uFFFD');
}

/** The same of every text in a JSON value, keys included. */
export function storableJson<T>(value: T): T {
  if (typeof value === 'string') return storableText(value) as T;
  if (Array.isArray(value)) return value.map((item: unknown) => storableJson(item)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [storableText(key), storableJson(item)])) as T;
}
