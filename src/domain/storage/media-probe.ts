import { imageSize } from 'image-size';
import type { MediaFacts } from './blob-store.js';
import { isLying, readOrientation } from './exif.js';
import { FileWindow, type RandomAccess } from './file-window.js';
import { heifSizeOf } from './heif-size.js';
import { isRestart, jpegSizeOf } from './jpeg-size.js';
import { endsWithinBox, readMp4Facts } from './mp4.js';
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

/** Whether a file begins as AVIF and HEIC do, and other files of boxes. */
function isBoxFile(data: Buffer): boolean {
  return data.toString('latin1', 4, 8) === 'ftyp';
}

/** How many bytes of a file's start are enough to tell its type. */
export const SNIFF_BYTES = 4096;

const UNKNOWN_CONTENT_TYPE = 'application/octet-stream';

const EXTENSIONS: Readonly<Record<string, string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/avif': 'avif',
  'image/bmp': 'bmp',
  'image/svg+xml': 'svg',
  'video/mp4': 'mp4',
  'video/quicktime': 'mov',
  'video/webm': 'webm',
  'audio/mpeg': 'mp3',
  'audio/wav': 'wav',
  'audio/ogg': 'ogg',
};

/** A file name's ending for a content type, without the dot. */
export function extensionOf(contentType: string): string {
  return EXTENSIONS[contentType] ?? 'bin';
}

/**
 * The content type of a file from its first {@link SNIFF_BYTES} bytes; nothing else is believed.
 * The four picture types that nearly every vendor answers with are told apart here, because the library needs 35 µs for a PNG.
 */
export async function sniffContentType(start: Uint8Array): Promise<string> {
  const head = Buffer.from(start.buffer, start.byteOffset, Math.min(start.byteLength, SNIFF_BYTES));
  const known = commonPicture(head);
  if (known !== undefined) return known;
  const { fileTypeFromBuffer } = await import('file-type');
  const type = await fileTypeFromBuffer(head);
  switch (type?.mime) {
    case 'video/x-m4v':
      return 'video/mp4';
    case undefined:
    case 'application/xml':
      return looksLikeSvg(head) ? 'image/svg+xml' : (type?.mime ?? UNKNOWN_CONTENT_TYPE);
    default:
      return type?.mime ?? UNKNOWN_CONTENT_TYPE;
  }
}

function commonPicture(head: Buffer): string | undefined {
  if (head.length < 12) return undefined;
  const first = head.readUInt32BE(0);
  if (first === 0x89504e47 && head.readUInt32BE(4) === 0x0d0a1a0a) return 'image/png';
  if (first >>> 8 === 0xffd8ff) return 'image/jpeg';
  const text = head.toString('latin1', 0, 12);
  if (text.startsWith('RIFF') && text.endsWith('WEBP')) return 'image/webp';
  if (text.startsWith('GIF87a') || text.startsWith('GIF89a')) return 'image/gif';
  return undefined;
}

/** True when nothing but a byte order mark, an XML declaration, comments and a doctype stand before `<svg`. */
function looksLikeSvg(head: Buffer): boolean {
  let rest = head
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart();
  for (const [opening, closing] of [
    ['<?xml', '?>'],
    ['<!--', '-->'],
    ['<!DOCTYPE svg', '>'],
    ['<!--', '-->'],
  ] as const) {
    while (rest.startsWith(opening)) {
      const end = rest.indexOf(closing);
      if (end < 0) return false;
      rest = rest.slice(end + closing.length).trimStart();
    }
  }
  return /^<svg[\s>]/.test(rest);
}

const WINDOW_BYTES = 65_536;
const PNG_END = Buffer.from('0000000049454e44ae426082', 'hex');
const JPEG_END = Buffer.from('ffd9', 'hex');
const GIF_TRAILER = 0x3b;
const START_OF_SCAN = 0xda;
/** A file that repeats segments without end is given up, not followed. */
const MAX_SEGMENTS = 10_000;

/** Whether a picture ends before its format says that it does. What stands behind the end of a picture is no fault. */
async function isPictureCutShort(contentType: string, file: RandomAccess, head: Buffer): Promise<boolean> {
  switch (contentType) {
    case 'image/png':
    case 'image/apng':
      return !(await holds(file, PNG_END, 0));
    case 'image/jpeg':
      return !(await holds(file, JPEG_END, await scanStart(file)));
    case 'image/gif':
      return !(await gifEnds(file));
    case 'image/webp':
      return head.length < 8 || head.readUInt32LE(4) + 8 > file.bytes;
    case 'image/bmp':
      return head.length < 6 || head.readUInt32LE(2) > file.bytes;
    case 'image/avif':
    case 'image/heic':
    case 'image/heif':
      return endsWithinBox(file);
    case 'image/svg+xml':
      return !/<\/svg\s*>|\/>\s*$/.test((await tailOf(file)).toString('latin1'));
    default:
      return false;
  }
}

/** The file's last bytes, as many as are read at once. */
async function tailOf(file: RandomAccess, from = 0): Promise<Buffer> {
  const start = Math.max(from, file.bytes - WINDOW_BYTES);
  return start < file.bytes ? file.read(start, file.bytes - start) : Buffer.alloc(0);
}

/** Looks at the end first, where it mostly is, and then at everything from `from` on. */
async function holds(file: RandomAccess, mark: Buffer, from: number): Promise<boolean> {
  if ((await tailOf(file, from)).includes(mark)) return true;
  for (let position = from; position < file.bytes - WINDOW_BYTES; position += WINDOW_BYTES - mark.length) {
    if ((await file.read(position, WINDOW_BYTES)).includes(mark)) return true;
  }
  return false;
}

/** Where the samples of a JPEG begin: pictures in its metadata have ends of their own. */
async function scanStart(file: RandomAccess): Promise<number> {
  const window = new FileWindow(file);
  for (let position = 2, seen = 0; seen < MAX_SEGMENTS; seen += 1) {
    const head = await window.at(position, 4);
    if (head.length < 4 || head[0] !== 0xff) break;
    const marker = head[1] as number;
    const isBare = marker === 0xff || marker === 0x01 || isRestart(marker);
    if (marker === START_OF_SCAN) return position;
    position += marker === 0xff ? 1 : isBare ? 2 : 2 + head.readUInt16BE(2);
  }
  return file.bytes;
}

/** Follows the blocks to the trailer, unless it is the last byte behind the end of a block. */
async function gifEnds(file: RandomAccess): Promise<boolean> {
  const window = new FileWindow(file);
  const last = await window.at(Math.max(0, file.bytes - 2), 2);
  if (last.length === 2 && last[0] === 0 && last[1] === GIF_TRAILER) return true;
  const header = await window.at(0, 13);
  if (header.length < 13) return false;
  let position = 13 + colourTableBytes(header[10] as number);
  for (;;) {
    const block = await window.at(position, 10);
    if (block[0] === GIF_TRAILER) return true;
    if (block[0] === 0x21) position += 2;
    else if (block[0] === 0x2c && block.length === 10) position += 11 + colourTableBytes(block[9] as number);
    else return false;
    for (let length = 1; length !== 0; position += length + 1) {
      const next = (await window.at(position, 1))[0];
      if (next === undefined) return false;
      length = next;
    }
  }
}

function colourTableBytes(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
}

const PNG_SIGNATURE_BYTES = 8;
const RIFF_HEADER_BYTES = 12;
const WEBP_EXIF_FLAG = 0x08;
const EXIF = 'Exif\0\0';
/** An orientation stands in the first entries of its block. */
const MAX_EXIF_BYTES = 65_536;
/** A file of more chunks before its Exif is taken as it lies. */
const MAX_CHUNKS = 1024;

/** Whether a PNG or WebP lies on its side until its Exif orientation was followed. JPEG's stands before its size, and AVIF has no need of it. */
async function isTurnedByExif(contentType: string, file: RandomAccess, head: Buffer): Promise<boolean> {
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
