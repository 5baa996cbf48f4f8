import { setImmediate as otherWork } from 'node:timers/promises';
import { ApiError } from '../common/index.js';
import { invalidReference } from './sanitize/index.js';

/** A multiple of four, so that each piece decodes by itself. */
const PIECE_CHARACTERS = 262_144;
const MAX_PREFIX_CHARACTERS = 256;

/**
 * Decodes base64 text, with or without a `data:` prefix, piece by piece and letting other requests in between.
 * @throws ApiError `reference_invalid` when it is not the standard alphabet with its padding, `reference_too_large` before decoding.
 */
export async function* decodeBase64(text: string, maxBytes: number): AsyncGenerator<Buffer, void> {
  const start = startOfData(text);
  const length = text.length - start;
  if (length === 0 || length % 4 !== 0) throw invalidReference('The base64 text is empty or has a wrong length.');
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  if ((length / 4) * 3 - padding > maxBytes) throw new ApiError('reference_too_large', `The file is larger than ${maxBytes} bytes.`);
  const end = text.length - padding;
  for (let at = start; at < text.length; at += PIECE_CHARACTERS) {
    if (at > start) await otherWork();
    const piece = text.slice(at, Math.min(at + PIECE_CHARACTERS, end));
    if (!/^[A-Za-z0-9+/]*$/.test(piece)) throw invalidReference('The base64 text has characters that do not belong there.');
    yield Buffer.from(piece, 'base64');
  }
}

/** Whether a URL carries its data itself. */
export function isDataUrl(text: string): boolean {
  return /^data:/i.test(text);
}

function startOfData(text: string): number {
  if (!isDataUrl(text)) return 0;
  const comma = text.slice(0, MAX_PREFIX_CHARACTERS).indexOf(',');
  if (comma < 0 || !/;base64$/i.test(text.slice(0, comma))) throw invalidReference('Of data: URLs only those in base64 are taken.');
  return comma + 1;
}
