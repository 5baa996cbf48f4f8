import { setImmediate as otherWork } from 'node:timers/promises';
import { invalidReference } from './sanitize/index.js';

const PIECE_CHARACTERS = 262_144;
const MAX_PREFIX_CHARACTERS = 256;
const GROUP_CHARACTERS = 4;

/**
 * Decodes base64 text as clients write it: in the standard or the URL-safe alphabet, padded or not, in lines, with or without a `data:`
 * prefix. Piece by piece, letting other requests in between.
 * @throws ApiError `reference_invalid` when it is no base64
 */
export async function* decodeBase64(text: string): AsyncGenerator<Buffer, void> {
  const start = startOfData(text);
  // Of a URL, which may write any character as `%2B`.
  const isEscaped = start > 0 && text.includes('%', start);
  let carry = '';
  for (let at = start; at < text.length; at += PIECE_CHARACTERS) {
    if (at > start) await otherWork();
    let piece = carry + text.slice(at, at + PIECE_CHARACTERS);
    const isLast = at + PIECE_CHARACTERS >= text.length;
    let cutEscape = '';
    if (isEscaped) {
      cutEscape = isLast ? '' : (/%[\da-f]?$/i.exec(piece)?.[0] ?? '');
      piece = unescaped(piece.slice(0, piece.length - cutEscape.length));
    }
    piece = withoutBreaks(piece);
    if (isLast) {
      yield lastOf(piece);
      return;
    }
    // What is left begins a group, so that breaks are still counted right. Padding waits for the end.
    const whole = piece.endsWith('=') ? piece.indexOf('=') : piece.length;
    const end = whole - (whole % GROUP_CHARACTERS);
    carry = piece.slice(end) + cutEscape;
    if (carry.length > 2 * GROUP_CHARACTERS) throw invalidReference('The base64 text has the wrong padding.');
    yield decoded(piece.slice(0, end));
  }
  throw empty();
}

/** Whether a URL carries its data itself. */
export function isDataUrl(text: string): boolean {
  return /^\s*data:/i.test(text);
}

function startOfData(text: string): number {
  if (!isDataUrl(text)) return 0;
  const comma = text.slice(0, MAX_PREFIX_CHARACTERS).indexOf(',');
  if (comma < 0 || !/;\s*base64\s*$/i.test(text.slice(0, comma))) throw invalidReference('Of data: URLs only those in base64 are taken.');
  return comma + 1;
}

function unescaped(piece: string): string {
  return piece.replace(/%([\da-f]{2})/gi, (_escape, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

/**
 * Without line breaks and blanks around the text. A single blank between groups is a folded line; one within a group has mostly been a
 * `+` that somebody took for a form's blank, and the bytes without it would be others.
 */
function withoutBreaks(piece: string): string {
  let breaks = 0;
  return piece.replace(/\s+/g, (blank, at: number) => {
    const isEdge = at === 0 || at + blank.length === piece.length;
    if (blank === ' ' && !isEdge && (at - breaks) % GROUP_CHARACTERS !== 0) {
      throw invalidReference('The base64 text has a blank within a group of four characters. Was it a "+"?');
    }
    breaks += blank.length;
    return '';
  });
}

/** The end of the text, with its padding or without. */
function lastOf(piece: string): Buffer {
  const padding = piece.endsWith('=') ? piece.length - piece.indexOf('=') : 0;
  const length = piece.length - padding;
  const rest = length % GROUP_CHARACTERS;
  if (length === 0) throw empty();
  if (rest === 1) throw invalidReference('The base64 text has a wrong length: something is missing from it.');
  if (padding > 0 && rest + padding !== GROUP_CHARACTERS) throw invalidReference('The base64 text has the wrong padding.');
  return decoded(piece.slice(0, length));
}

function decoded(characters: string): Buffer {
  const [stranger] = /[^\w+/-]/.exec(characters) ?? [];
  if (stranger === undefined) return Buffer.from(characters, 'base64');
  throw invalidReference(`It is neither an http(s) or data: URL nor base64 text: ${JSON.stringify(stranger)} does not belong there.`);
}

function empty(): Error {
  return invalidReference('The base64 text is empty.');
}
