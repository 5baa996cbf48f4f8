import { FileWindow, type RandomAccess } from './file-window.js';
import { isRestart } from './jpeg-size.js';
import { endsWithinBox } from './mp4.js';

const WINDOW_BYTES = 65_536;
const PNG_END = Buffer.from('0000000049454e44ae426082', 'hex');
const JPEG_END = Buffer.from('ffd9', 'hex');
const GIF_TRAILER = 0x3b;
const START_OF_SCAN = 0xda;
/** A file that repeats segments without end is given up, not followed. */
const MAX_SEGMENTS = 10_000;

/** Whether a picture ends before its format says that it does. What stands behind the end of a picture is no fault. */
export async function isPictureCutShort(contentType: string, file: RandomAccess, head: Buffer): Promise<boolean> {
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
