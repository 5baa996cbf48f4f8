import { isAscii, isUtf8 } from 'node:buffer';
import { TextDecoder } from 'node:util';
import { ApiError } from '../errors/index.js';

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
