import { imageSize } from 'image-size';
import type { MediaFacts } from './blob-store.port.js';
import type { RandomAccess } from './file-window.js';
import { heifSizeOf, isBoxFile } from './heif-size.js';
import { jpegSizeOf } from './jpeg-size.js';
import { sniffContentType } from './media-type.js';
import { endsWithinBox, readMp4Facts } from './mp4.js';
import { isPictureCutShort } from './picture-end.js';
import { isTurnedByExif } from './picture-turn.js';
import { readWebmFacts } from './webm.js';

/** How much of a file's start is looked at for a picture's size; colour profiles and previews may come before it. */
export const HEAD_BYTES = 65_536;

const SIZED_IMAGES = new Set([
  'image/png',
  'image/apng',
  'image/jpeg',
  'image/webp',
  'image/gif',
  'image/avif',
  'image/bmp',
  'image/heic',
  'image/heif',
]);
const JPEG_START = 0xffd8;
/** A JPEG's size may stand behind a large colour profile or preview. */
const JPEG_HEAD_BYTES = 1_048_576;

/** Type, size, duration and wholeness of a file by its headers and its end. Nothing is decoded; a broken header leaves its figures out. */
export async function probeMedia(file: RandomAccess): Promise<MediaFacts> {
  const head = await file.read(0, Math.min(HEAD_BYTES, file.bytes));
  const contentType = await sniffContentType(head);
  if (contentType === 'video/mp4' || contentType === 'video/quicktime') {
    return { contentType, ...(await readMp4Facts(file)), ...((await endsWithinBox(file)) ? CUT_SHORT : {}) };
  }
  if (contentType === 'video/webm' || contentType === 'video/matroska') return { contentType, ...(await readWebmFacts(file)) };
  const shape = {
    ...(isAnimated(contentType, head) ? ANIMATED : {}),
    ...((await isPictureCutShort(contentType, file, head)) ? CUT_SHORT : {}),
  };
  if (!SIZED_IMAGES.has(contentType)) return { contentType, ...shape };
  const size = await displayedSize(contentType, file, head);
  if (size !== undefined || contentType !== 'image/jpeg' || file.bytes <= head.length) return { contentType, ...size, ...shape };
  return { contentType, ...imageSizeOf(await file.read(0, Math.min(JPEG_HEAD_BYTES, file.bytes))), ...shape };
}

const CUT_SHORT = { cutShort: true } as const;
const ANIMATED = { animated: true } as const;
const WEBP_ANIMATION_FLAG = 2;

function isAnimated(contentType: string, head: Buffer): boolean {
  if (contentType === 'image/apng') return true;
  if (contentType === 'image/webp') {
    return head.toString('latin1', 12, 16) === 'VP8X' && ((head[20] ?? 0) & WEBP_ANIMATION_FLAG) !== 0;
  }
  // `acTL` must stand before the picture's data.
  const at = contentType === 'image/png' ? head.indexOf('acTL') : -1;
  return at !== -1 && at < head.indexOf('IDAT');
}

async function displayedSize(contentType: string, file: RandomAccess, head: Buffer): Promise<Size | undefined> {
  const size = imageSizeOf(head);
  if (size === undefined || !(await isTurnedByExif(contentType, file, head))) return size;
  return { width: size.height, height: size.width };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Width and height in pixels as displayed (a PNG's and a WebP's before {@link isTurnedByExif}), or undefined when the header does not say. */
export function imageSizeOf(head: Uint8Array): Size | undefined {
  const data = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  if (data.length > 2 && data.readUInt16BE(0) === JPEG_START) return jpegSizeOf(data);
  if (isBoxFile(data)) return heifSizeOf(data);
  try {
    const { width, height } = imageSize(head);
    return { width, height };
  } catch {
    return undefined;
  }
}
