import { imageSize } from 'image-size';
import type { MediaFacts } from './blob-store.port.js';
import { sniffContentType } from './media-type.js';
import { readMp4Facts } from './mp4.js';

/** How much of a file's start is looked at for a picture's size; colour profiles and previews may come before it. */
export const HEAD_BYTES = 65_536;

/** A file that can be read anywhere. */
export interface RandomAccess {
  readonly bytes: number;
  /** At most `length` bytes; fewer only at the file's end. */
  read(position: number, length: number): Promise<Buffer>;
}

const SIZED_IMAGES = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif', 'image/avif', 'image/bmp', 'image/heic', 'image/heif']);
/** A JPEG's size may stand behind a large colour profile or preview. */
const JPEG_HEAD_BYTES = 1_048_576;

/** Type, size and duration of a file by its headers alone. Nothing is decoded; a broken header leaves its figures out. */
export async function probeMedia(file: RandomAccess): Promise<MediaFacts> {
  const head = await file.read(0, Math.min(HEAD_BYTES, file.bytes));
  const contentType = await sniffContentType(head);
  if (contentType === 'video/mp4' || contentType === 'video/quicktime') return { contentType, ...(await readMp4Facts(file)) };
  if (!SIZED_IMAGES.has(contentType)) return { contentType };
  const size = imageSizeOf(head);
  if (size !== undefined || contentType !== 'image/jpeg' || file.bytes <= head.length) return { contentType, ...size };
  return { contentType, ...imageSizeOf(await file.read(0, Math.min(JPEG_HEAD_BYTES, file.bytes))) };
}

/** Width and height in pixels as displayed, or undefined when the header does not say. */
export function imageSizeOf(head: Uint8Array): { width: number; height: number } | undefined {
  try {
    const { width, height, orientation, images = [] } = imageSize(head);
    if (orientation !== undefined && orientation >= 5) return { width: height, height: width };
    // A file of several pictures (an AVIF with tiles) counts as its largest.
    return images.reduce((best, image) => (image.width * image.height > best.width * best.height ? image : best), { width, height });
  } catch {
    return undefined;
  }
}
