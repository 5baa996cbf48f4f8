import { isLying, readOrientation } from './exif.js';
import type { RandomAccess } from './file-window.js';

const PNG_SIGNATURE_BYTES = 8;
const RIFF_HEADER_BYTES = 12;
const WEBP_EXIF_FLAG = 0x08;
const EXIF = 'Exif\0\0';
/** An orientation stands in the first entries of its block. */
const MAX_EXIF_BYTES = 65_536;
/** A file of more chunks before its Exif is taken as it lies. */
const MAX_CHUNKS = 1024;

/** Whether a PNG or WebP lies on its side until its Exif orientation was followed. JPEG's stands before its size, and AVIF has no need of it. */
export async function isTurnedByExif(contentType: string, file: RandomAccess, head: Buffer): Promise<boolean> {
  const tiff = contentType === 'image/webp' ? await webpExif(file, head) : contentType === 'image/png' ? pngExif(head) : undefined;
  return tiff !== undefined && isLying(readOrientation(tiff));
}

/** Viewers look for it before the picture's data only. */
function pngExif(head: Buffer): Buffer | undefined {
  for (let at = PNG_SIGNATURE_BYTES, seen = 0; at + 8 <= head.length && seen < MAX_CHUNKS; seen += 1) {
    const length = head.readUInt32BE(at);
    const type = head.toString('latin1', at + 4, at + 8);
    if (type === 'eXIf') return head.subarray(at + 8, at + 8 + length);
    if (type === 'IDAT') return undefined;
    at += length + 12;
  }
  return undefined;
}

/** It stands behind the picture. */
async function webpExif(file: RandomAccess, head: Buffer): Promise<Buffer | undefined> {
  if (head.toString('latin1', 12, 16) !== 'VP8X' || ((head[20] ?? 0) & WEBP_EXIF_FLAG) === 0) return undefined;
  for (let at = RIFF_HEADER_BYTES, seen = 0; at + 8 <= file.bytes && seen < MAX_CHUNKS; seen += 1) {
    const chunk = at + 8 <= head.length ? head.subarray(at, at + 8) : await file.read(at, 8);
    if (chunk.length < 8) return undefined;
    const length = chunk.readUInt32LE(4);
    if (chunk.toString('latin1', 0, 4) === 'EXIF') {
      const exif = await file.read(at + 8, Math.min(length, MAX_EXIF_BYTES));
      // Some writers put JPEG's prefix before the block.
      return exif.toString('latin1', 0, EXIF.length) === EXIF ? exif.subarray(EXIF.length) : exif;
    }
    at += 8 + length + (length % 2);
  }
  return undefined;
}
