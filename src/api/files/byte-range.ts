import type { ByteRange } from '../../domain/storage/index.js';
import { ApiError } from '../../platform/common/index.js';

/**
 * The part of a file that a `Range` header asks for (RFC 9110, section 14.1.2). Undefined means the whole file: for no header,
 * another unit, a malformed one and for several ranges, all of which a server may ignore.
 * @throws ApiError `range_not_satisfiable` when the range lies behind the file's end.
 */
export function parseByteRange(header: string | undefined, bytes: number): ByteRange | undefined {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/.exec(header ?? '');
  if (match === null) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return undefined;
  if (first === '') {
    const suffix = Number(last);
    if (suffix === 0 || bytes === 0) throw notSatisfiable(bytes);
    return { start: Math.max(0, bytes - suffix), end: bytes - 1 };
  }
  const start = Number(first);
  const end = last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1);
  if (last !== '' && Number(last) < start) return undefined;
  if (start >= bytes) throw notSatisfiable(bytes);
  return { start, end };
}

function notSatisfiable(bytes: number): ApiError {
  return new ApiError('range_not_satisfiable', `The file has ${bytes} bytes.`, { headers: { 'content-range': `bytes */${bytes}` } });
}

/** Whether an `If-None-Match` list names the tag (weak comparison). */
export function matchesETag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((part) => part.trim() === '*' || part.trim().replace(/^W\//, '') === etag);
}
