import { HEAD_BYTES, imageSizeOf } from '../media-probe.js';
import { sanitizeAvif } from './avif.js';
import type { ByteReader } from './byte-reader.js';
import { sanitizeGif } from './gif.js';
import { sanitizeJpeg } from './jpeg.js';
import { sanitizeMp4 } from './mp4.js';
import type { PictureGuard } from './picture-guard.js';
import { sanitizePng } from './png.js';
import { sanitizeWebp } from './webp.js';

export { ByteReader } from './byte-reader.js';
export { invalidReference } from './errors.js';
export { PictureGuard } from './picture-guard.js';

/** Passes a file on without what it says about its maker, and holds what its headers announce against the guard. */
export type Sanitizer = (reader: ByteReader, guard: PictureGuard) => AsyncGenerator<Buffer, void>;

/** By content type, all that may be a reference. */
export const SANITIZERS: Readonly<Record<string, Sanitizer>> = {
  'image/jpeg': sanitizeJpeg,
  'image/png': sanitizePng,
  'image/webp': sanitizeWebp,
  'image/gif': sanitizeGif,
  'image/avif': sanitizeAvif,
  'image/bmp': passBitmap,
  'video/mp4': sanitizeMp4,
};

/** A bitmap has no place for metadata; it is only measured. */
async function* passBitmap(reader: ByteReader, guard: PictureGuard): AsyncGenerator<Buffer, void> {
  await reader.fill(HEAD_BYTES);
  const size = imageSizeOf(reader.window);
  guard.size(size?.width ?? 0, size?.height ?? 0);
  yield* reader.rest();
}
