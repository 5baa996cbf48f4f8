import { promisify } from 'node:util';
import { inflate } from 'node:zlib';
import { Canvas } from './canvas.js';
import { COLOUR_TYPE_GREY, COLOUR_TYPE_RGB, COLOUR_TYPE_RGBA, PNG_SIGNATURE } from './png.js';

const inflateAsync = promisify(inflate);

// Above it, a reference is shown by its fingerprint instead of its content.
const MAX_PIXELS = 16_000_000;

const BYTES_PER_PIXEL = new Map<number | undefined, 1 | 3 | 4>([
  [COLOUR_TYPE_GREY, 1],
  [COLOUR_TYPE_RGB, 3],
  [COLOUR_TYPE_RGBA, 4],
]);

interface Layout {
  width: number;
  height: number;
  bytesPerPixel: 1 | 3 | 4;
  compressed: Uint8Array;
}

function readLayout(file: Uint8Array): Layout | undefined {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length < 33 || !bytes.subarray(0, 8).equals(PNG_SIGNATURE)) return undefined;
  const width = bytes.readUInt32BE(16);
  const height = bytes.readUInt32BE(20);
  const [depth, colourType, , , interlace] = bytes.subarray(24, 29);
  const bytesPerPixel = BYTES_PER_PIXEL.get(colourType);
  if (bytesPerPixel === undefined || depth !== 8 || interlace !== 0) return undefined;
  if (width === 0 || height === 0 || width * height > MAX_PIXELS) return undefined;
  const parts: Uint8Array[] = [];
  for (let offset = 8; offset + 12 <= bytes.length; ) {
    const length = bytes.readUInt32BE(offset);
    if (bytes.toString('latin1', offset + 4, offset + 8) === 'IDAT') parts.push(bytes.subarray(offset + 8, offset + 8 + length));
    offset += 12 + length;
  }
  return { width, height, bytesPerPixel, compressed: Buffer.concat(parts) };
}

function paeth(left: number, up: number, upLeft: number): number {
  const toLeft = Math.abs(up - upLeft);
  const toUp = Math.abs(left - upLeft);
  const toUpLeft = Math.abs(left + up - 2 * upLeft);
  if (toLeft <= toUp && toLeft <= toUpLeft) return left;
  return toUp <= toUpLeft ? up : upLeft;
}

function unfilterRow(filter: number, row: Uint8Array, above: Uint8Array | undefined, channels: number): boolean {
  if (filter > 4) return false;
  for (let index = 0; index < row.length && filter > 0; index++) {
    const left = index < channels ? 0 : (row[index - channels] ?? 0);
    const up = above?.[index] ?? 0;
    const upLeft = index < channels ? 0 : (above?.[index - channels] ?? 0);
    const raw = row[index] ?? 0;
    if (filter === 1) row[index] = raw + left;
    else if (filter === 2) row[index] = raw + up;
    else if (filter === 3) row[index] = raw + ((left + up) >> 1);
    else row[index] = raw + paeth(left, up, upLeft);
  }
  return true;
}

/** Reads a PNG of 8-bit grey, RGB or RGBA without interlacing. Undefined for any other or damaged file. */
export async function decodePng(file: Uint8Array): Promise<Canvas | undefined> {
  const layout = readLayout(file);
  if (layout === undefined) return undefined;
  const { width, height, bytesPerPixel } = layout;
  const stride = width * bytesPerPixel;
  const expected = (stride + 1) * height;
  let rows: Uint8Array;
  try {
    rows = await inflateAsync(layout.compressed, { maxOutputLength: expected });
  } catch {
    return undefined;
  }
  if (rows.length !== expected) return undefined;
  const canvas = new Canvas(width, height, bytesPerPixel === 4 ? 4 : 3);
  let above: Uint8Array | undefined;
  for (let y = 0; y < height; y++) {
    const start = y * (stride + 1);
    const row = rows.subarray(start + 1, start + 1 + stride);
    if (!unfilterRow(rows[start] ?? 0, row, above, bytesPerPixel)) return undefined;
    if (bytesPerPixel === 1) for (const [x, grey] of row.entries()) canvas.pixels.fill(grey, (y * width + x) * 3, (y * width + x + 1) * 3);
    else canvas.pixels.set(row, y * stride);
    above = row;
  }
  return canvas;
}
