import { promisify } from 'node:util';
import { crc32, deflate } from 'node:zlib';
import type { Canvas } from './canvas.js';

const deflateAsync = promisify(deflate);

export const PNG_SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** Colour types of the IHDR chunk. */
export const COLOUR_TYPE_GREY = 0;
export const COLOUR_TYPE_RGB = 2;
export const COLOUR_TYPE_RGBA = 6;

function chunk(type: string, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, 'latin1');
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

/** The picture as a PNG file (W3C PNG, third edition). Compression runs on the thread pool, not on the event loop. */
export async function encodePng(canvas: Canvas): Promise<Uint8Array> {
  const { width, height, channels, pixels } = canvas;
  const stride = width * channels;
  // Filter type 0 in front of every row: the pictures repeat exactly, which deflate sees better than any filter.
  const rows = Buffer.alloc((stride + 1) * height);
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  header[9] = channels === 4 ? COLOUR_TYPE_RGBA : COLOUR_TYPE_RGB;
  const data = await deflateAsync(rows, { level: 1 });
  return Buffer.concat([PNG_SIGNATURE, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', new Uint8Array(0))]);
}
