import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  jpegSegment,
  makeAvif,
  makeGif,
  makeJpeg,
  makeMovie,
  makePngWith,
  mp4Box,
  pngChunk,
  pngProfile,
  riff,
  riffChunk,
  webpCanvas,
} from '../../../../test/support/media-files.js';
import { imageSizeOf } from '../media-probe.js';
import { ByteReader, PictureGuard, SANITIZERS } from './index.js';
import { MOST_SEGMENTS } from './picture-guard.js';

const many = (part: Buffer, count: number): Buffer => Buffer.concat(Array.from({ length: count }, () => part));

/** For each format a file with so many parts of nothing. */
const FILES: readonly [string, string, (parts: number) => Buffer][] = [
  ['GIF of comments', 'image/gif', (parts) => spliced(makeGif(1), 13 + 6, many(Buffer.from('21fe00', 'hex'), parts))],
  ['GIF of applications’ blocks', 'image/gif', (parts) => spliced(makeGif(1), 13 + 6, many(Buffer.from('21ff00', 'hex'), parts))],
  ['JPEG of comments', 'image/jpeg', (parts) => spliced(makeJpeg(), 2, many(jpegSegment(0xfe, Buffer.alloc(0)), parts))],
  ['JPEG of tables', 'image/jpeg', (parts) => spliced(makeJpeg(), 2, many(jpegSegment(0xdb, Buffer.alloc(0)), parts))],
  ['JPEG of bare markers', 'image/jpeg', (parts) => spliced(makeJpeg(), 2, many(Buffer.of(0xff, 0xd0), parts))],
  ['PNG of texts', 'image/png', (parts) => makePngWith([many(pngChunk('tEXt', Buffer.alloc(0)), parts)])],
  ['PNG of samples', 'image/png', (parts) => makePngWith([many(pngChunk('IDAT', Buffer.alloc(0)), parts)])],
  ['WebP of unknown chunks', 'image/webp', (parts) => riff([webpCanvas(2, 2), many(riffChunk('odd!', Buffer.alloc(0)), parts)])],
  ['WebP of Exif', 'image/webp', (parts) => riff([webpCanvas(2, 2), many(riffChunk('EXIF', Buffer.alloc(26)), parts)])],
  ['AVIF of free boxes', 'image/avif', (parts) => spliced(makeAvif(8, 8), makeAvif(8, 8).readUInt32BE(0), many(mp4Box('free'), parts))],
  ['MP4 of free boxes', 'video/mp4', (parts) => Buffer.concat([makeMovie({ moovFirst: true }), many(mp4Box('free'), parts)])],
  ['MP4 of containers', 'video/mp4', (parts) => Buffer.concat([makeMovie({ moovFirst: true }), many(mp4Box('trak'), parts)])],
];

function spliced(data: Buffer, at: number, more: Buffer): Buffer {
  return Buffer.concat([data.subarray(0, at), more, data.subarray(at)]);
}

async function sanitize(contentType: string, data: Buffer, chunkBytes = data.length): Promise<number> {
  async function* source() {
    for (let at = 0; at < data.length; at += chunkBytes) yield data.subarray(at, at + chunkBytes);
  }
  const sanitizer = SANITIZERS[contentType];
  if (sanitizer === undefined) throw new Error(contentType);
  let bytes = 0;
  for await (const part of sanitizer(new ByteReader(source()), new PictureGuard(1_000_000))) bytes += part.length;
  return bytes;
}

/** How often the rest of the process had its turn meanwhile. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  await work.finally(() => {
    isOver = true;
  });
  return turns;
}

describe('a file of tiny parts', () => {
  it.each(FILES)('%s is refused at the cap', async (_name, contentType, file) => {
    await expect(sanitize(contentType, file(1_000_000))).rejects.toMatchObject({ code: 'reference_invalid', message: /parts|start/ });
  });

  it.each(FILES)('%s lets others have their turn', async (_name, contentType, file) => {
    const parts = MOST_SEGMENTS - 64;
    expect(
      await turnsDuring(sanitize(contentType, file(parts)).catch((error: unknown) => expect(error).toHaveProperty('code'))),
    ).toBeGreaterThan(parts / 512);
  });

  it('is read, where a picture has as many as the finest encoders make', async () => {
    expect(await sanitize('image/png', makePngWith([many(pngChunk('IDAT', Buffer.alloc(4096)), 12_000)]))).toBeGreaterThan(12_000 * 4096);
  });

  it('may have any number of fill bytes before a marker', async () => {
    expect(await sanitize('image/jpeg', spliced(makeJpeg(), 2, Buffer.alloc(8_000_000, 0xff)))).toBe(makeJpeg().length);
  });

  it('has one colour profile at most, since each may inflate', async () => {
    const profiles = makePngWith([pngProfile(8_000_000), pngProfile(8_000_000)]);
    await expect(sanitize('image/png', profiles)).rejects.toMatchObject({ code: 'reference_invalid' });
  });
});

describe('the size of a picture', () => {
  it('is found among thousands', () => {
    const ispe = mp4Box('ispe', Buffer.alloc(4), Buffer.from('0000000800000008', 'hex'));
    const heic = (sizes: number) =>
      Buffer.concat([
        mp4Box('ftyp', Buffer.from('heic\0\0\0\0mif1heic', 'latin1')),
        mp4Box('meta', Buffer.alloc(4), mp4Box('iprp', mp4Box('ipco', many(ispe, sizes)))),
      ]);
    expect(imageSizeOf(heic(3))).toEqual({ width: 8, height: 8 });
    expect(imageSizeOf(heic(40_000))).toEqual({ width: 8, height: 8 });
  });

  it('of a JPEG stands behind any number of segments', () => {
    const size = { width: 33, height: 22 };
    expect(imageSizeOf(spliced(makeJpeg(size), 2, many(jpegSegment(0xfe, Buffer.alloc(0)), 200_000)))).toEqual(size);
    expect(imageSizeOf(makeJpeg({ ...size, orientation: 6, fillByte: true }))).toEqual({ width: 22, height: 33 });
    expect(imageSizeOf(makeJpeg({ height: 0 }))).toBeUndefined();
    for (let length = 0; length < 100; length += 1) expect(() => imageSizeOf(makeJpeg(size).subarray(0, length))).not.toThrow();
  });
});

describe('ByteReader', () => {
  it('gives back what it got, however it came and is asked for', async () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(chunks, fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 40 }), async (list, steps) => {
        const reader = new ByteReader(
          (async function* () {
            yield* list;
          })(),
        );
        const taken: Buffer[] = [];
        for (const [index, step] of steps.entries()) {
          if (index % 2 === 0) await reader.fill(step);
          else taken.push(reader.shift(step));
        }
        for await (const part of reader.rest()) taken.push(part);
        // What was taken earlier must not have changed by what came later.
        expect(Buffer.concat(taken)).toEqual(Buffer.concat(list));
      }),
    );
  });

  it('takes single bytes without copying all of them again and again', async () => {
    const COUNT = 500_000;
    const reader = new ByteReader(
      (async function* () {
        for (let at = 0; at < COUNT; at += 1) yield Buffer.of(at & 0xff);
      })(),
    );
    for (let at = 1; at <= COUNT; at += 1) await reader.fill(at);
    expect(reader.window).toHaveLength(COUNT);
  });
});
