import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Canvas } from './canvas.js';
import { encodeJpeg } from './jpeg.js';
import { encodeWebp } from './webp.js';

/** Colours, edges and, where there is one, all of the alpha channel. */
function pattern(width: number, height: number, channels: 3 | 4): Canvas {
  const canvas = new Canvas(width, height, channels);
  for (let index = 0; index < canvas.pixels.length; index++) canvas.pixels[index] = (index * 7 + Math.floor(index / 50) * 31) & 0xff;
  return canvas;
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

describe('encodeJpeg', () => {
  it('writes a baseline file of any size', async () => {
    const file = Buffer.from(await encodeJpeg(pattern(37, 21, 3)));
    expect(file.toString('hex', 0, 4)).toBe('ffd8ffe0');
    const frame = file.indexOf(Buffer.from([0xff, 0xc0]));
    expect([file.readUInt16BE(frame + 5), file.readUInt16BE(frame + 7)]).toEqual([21, 37]);
    expect(file.toString('hex', file.length - 2)).toBe('ffd9');
  });

  it('writes what libjpeg has read', async () => {
    const files = await Promise.all([pattern(1, 1, 3), pattern(37, 21, 3), pattern(16, 8, 4)].map(encodeJpeg));
    expect(files.map(digest)).toEqual(JPEGS);
  });
});

describe('encodeWebp', () => {
  it('writes one chunk of even length, with the size and whether there is alpha', async () => {
    for (const channels of [3, 4] as const) {
      const file = Buffer.from(await encodeWebp(pattern(37, 21, channels)));
      expect([file.toString('latin1', 0, 4), file.toString('latin1', 8, 16)]).toEqual(['RIFF', 'WEBPVP8L']);
      expect([file.readUInt32LE(4) + 8, file.length % 2, file[20]]).toEqual([file.length, 0, 0x2f]);
      const header = file.readUInt32LE(21);
      expect([(header & 0x3fff) + 1, ((header >> 14) & 0x3fff) + 1, (header >> 28) & 1]).toEqual([37, 21, channels - 3]);
    }
  });

  it('writes what libwebp has read, to the last bit', async () => {
    const files = await Promise.all([pattern(1, 1, 3), pattern(37, 21, 3), pattern(16, 8, 4)].map(encodeWebp));
    expect(files.map(digest)).toEqual(WEBPS);
  });
});

const JPEGS: readonly string[] = ['32c1b92218f81657', '75199117f2abe7b8', '3e45a17dba6f9acc'];
const WEBPS: readonly string[] = ['73f571c834c5c1ba', 'af35f6ef658e97c6', 'd37728191d1ed7f8'];
