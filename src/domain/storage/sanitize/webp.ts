import { ORIENTATION_TIFF_BYTES, orientationTiff, readOrientation } from '../exif.js';
import { blank } from './blank.js';
import type { ByteReader } from './byte-reader.js';
import { invalidReference } from './errors.js';
import type { PictureGuard } from './picture-guard.js';

const RIFF_HEADER_BYTES = 12;
const XMP_FLAG = 0x04;
const MAX_EXIF_BYTES = 1_048_576;
const KEPT = new Set(['VP8 ', 'VP8L', 'ALPH', 'ANIM', 'ICCP']);
/** A name that no decoder knows, and so skips. */
const SKIPPED = 'JUNK';

/**
 * Passes on a WebP with its metadata blanked out: the file's length stands in its first bytes, so chunks keep their length and
 * only lose their content. Of Exif the orientation stays.
 */
export async function* sanitizeWebp(reader: ByteReader, guard: PictureGuard): AsyncGenerator<Buffer, void> {
  const header = await reader.take(RIFF_HEADER_BYTES);
  let left = header.readUInt32LE(4) + 8 - RIFF_HEADER_BYTES;
  yield header;
  while (left >= 8) {
    await guard.segment();
    const head = Buffer.from(await reader.take(8));
    const type = head.toString('latin1', 0, 4);
    const length = head.readUInt32LE(4);
    const padded = length + (length % 2);
    left -= 8;
    if (length > left) throw invalidReference('The WebP has a chunk that is longer than the file.');
    left = Math.max(0, left - padded);
    if (type === 'VP8X') {
      const body = Buffer.from(await reader.take(padded));
      if (body.length < 10) throw invalidReference('The WebP has a broken header.');
      guard.size(body.readUIntLE(4, 3) + 1, body.readUIntLE(7, 3) + 1);
      body[0] = (body[0] as number) & ~XMP_FLAG;
      yield head;
      yield body;
    } else if (type === 'EXIF' && length >= ORIENTATION_TIFF_BYTES && length <= MAX_EXIF_BYTES) {
      yield head;
      yield orientationOnly(await reader.take(padded));
    } else if (KEPT.has(type) || type === 'ANMF') {
      yield head;
      const start = Buffer.from(await reader.take(Math.min(16, padded)));
      checkSize(type, start, guard);
      yield start;
      yield* reader.pass(padded - start.length);
    } else {
      head.write(SKIPPED, 0, 'latin1');
      yield head;
      yield* blank(reader, padded);
    }
  }
  guard.requireSize();
}

/** An Exif chunk of the same length with nothing but the orientation in it. */
function orientationOnly(exif: Buffer): Buffer {
  // Some writers put JPEG's prefix before the block.
  const tiff = exif.toString('latin1', 0, 4) === 'Exif' ? exif.subarray(6) : exif;
  const kept = Buffer.alloc(exif.length);
  orientationTiff(readOrientation(tiff)).copy(kept);
  return kept;
}

/** The sizes that bitstreams and frames name themselves, beside the canvas. */
function checkSize(type: string, start: Buffer, guard: PictureGuard): void {
  if (type === 'VP8 ' && start.length >= 10) {
    guard.size(start.readUInt16LE(6) & 0x3fff, start.readUInt16LE(8) & 0x3fff);
  } else if (type === 'VP8L' && start.length >= 5) {
    const bits = start.readUInt32LE(1);
    guard.size((bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1);
  } else if (type === 'ANMF' && start.length >= 16) {
    guard.size(start.readUIntLE(6, 3) + 1, start.readUIntLE(9, 3) + 1);
    guard.frame();
  }
}
