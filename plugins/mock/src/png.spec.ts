import { crc32, deflateSync, inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Canvas } from './canvas.js';
import { encodePng, PNG_SIGNATURE } from './png.js';
import { decodePng } from './png-decode.js';

interface Chunk {
  type: string;
  data: Buffer;
}

function chunksOf(file: Uint8Array): Chunk[] {
  const bytes = Buffer.from(file);
  expect([...bytes.subarray(0, 8)]).toEqual([...PNG_SIGNATURE]);
  const chunks: Chunk[] = [];
  for (let offset = 8; offset < bytes.length; ) {
    const length = bytes.readUInt32BE(offset);
    const body = bytes.subarray(offset + 4, offset + 8 + length);
    expect(bytes.readUInt32BE(offset + 8 + length)).toBe(crc32(body));
    chunks.push({ type: body.toString('latin1', 0, 4), data: body.subarray(4) });
    offset += 12 + length;
  }
  return chunks;
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

function fileOf(width: number, height: number, colourType: number, rows: Uint8Array, depth = 8, interlace = 0): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colourType, 0, 0, interlace], 8);
  return Buffer.concat([PNG_SIGNATURE, chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

/** Filters the pixels' row `y` with filter type `y % 5`, after clause 9 of the PNG specification. */
function filtered(canvas: Canvas): Buffer {
  const { width, height, channels, pixels } = canvas;
  const stride = width * channels;
  const out: number[] = [];
  const at = (x: number, y: number): number => (x < 0 || y < 0 ? 0 : (pixels[y * stride + x] ?? 0));
  for (let y = 0; y < height; y++) {
    const type = y % 5;
    out.push(type);
    for (let x = 0; x < stride; x++) {
      const [a, b, c] = [at(x - channels, y), at(x, y - 1), x < channels ? 0 : at(x - channels, y - 1)];
      const estimate = a + b - c;
      const nearest = [a, b, c].reduce((best, next) => (Math.abs(estimate - next) < Math.abs(estimate - best) ? next : best));
      out.push((at(x, y) - ([0, a, b, (a + b) >> 1, nearest][type] ?? 0)) & 255);
    }
  }
  return Buffer.from(out);
}

function noise(width: number, height: number, channels: 3 | 4): Canvas {
  const canvas = new Canvas(width, height, channels);
  for (let index = 0; index < canvas.pixels.length; index++) canvas.pixels[index] = (index * 197 + (index >> 3) * 31) & 255;
  return canvas;
}

describe('encodePng', () => {
  it('writes the chunks of a true-colour PNG with right checksums', async () => {
    const canvas = new Canvas(37, 21);
    canvas.fillDiagonal([255, 0, 0], [0, 0, 255]);
    const chunks = chunksOf(await encodePng(canvas));
    expect(chunks.map(({ type }) => type)).toEqual(['IHDR', 'IDAT', 'IEND']);
    const header = chunks[0]?.data ?? Buffer.alloc(0);
    expect([header.readUInt32BE(0), header.readUInt32BE(4), ...header.subarray(8)]).toEqual([37, 21, 8, 2, 0, 0, 0]);
    expect(inflateSync(chunks[1]?.data ?? Buffer.alloc(0))).toHaveLength((37 * 3 + 1) * 21);
  });

  it('keeps an alpha channel', async () => {
    const canvas = new Canvas(4, 4, 4);
    canvas.fillRectangle(0, 0, 2, 4, [9, 8, 7]);
    const decoded = await decodePng(await encodePng(canvas));
    expect(decoded?.channels).toBe(4);
    expect([...(decoded?.pixels.subarray(4, 12) ?? [])]).toEqual([9, 8, 7, 255, 0, 0, 0, 0]);
  });
});

describe('decodePng', () => {
  it.each([3, 4] as const)('undoes all five filters with %i channels', async (channels) => {
    const canvas = noise(13, 11, channels);
    const decoded = await decodePng(fileOf(13, 11, channels === 3 ? 2 : 6, filtered(canvas)));
    expect(decoded?.pixels).toEqual(canvas.pixels);
  });

  it('reads grey pictures', async () => {
    const decoded = await decodePng(fileOf(2, 1, 0, Uint8Array.of(0, 10, 200)));
    expect([...(decoded?.pixels ?? [])]).toEqual([10, 10, 10, 200, 200, 200]);
  });

  it('answers undefined for files that it does not read', async () => {
    const rows = Buffer.alloc(13);
    const whole = fileOf(2, 1, 2, Buffer.alloc(7));
    const notRead = [
      new Uint8Array(0),
      Buffer.from('GIF89a and so on, long enough to hold a header'),
      fileOf(2, 1, 3, rows),
      fileOf(2, 1, 2, Buffer.alloc(13), 16),
      fileOf(2, 1, 2, Buffer.alloc(7), 8, 1),
      fileOf(2, 1, 2, Buffer.alloc(6)),
      fileOf(2, 1, 2, Buffer.alloc(700)),
      fileOf(2, 1, 2, Uint8Array.of(9, 0, 0, 0, 0, 0, 0)),
      fileOf(60_000, 60_000, 2, rows),
      whole.subarray(0, whole.length - 20),
    ];
    expect(await Promise.all(notRead.map(decodePng))).toEqual(notRead.map(() => undefined));
    expect(await decodePng(whole)).toBeDefined();
  });
});
