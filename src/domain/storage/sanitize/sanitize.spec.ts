import { inflateSync } from 'node:zlib';
import { makePng } from '@litegen/plugin-sdk/testing';
import { fileTypeFromBuffer } from 'file-type';
import { imageSize } from 'image-size';
import { describe, expect, it } from 'vitest';
import {
  exifTiff,
  JPEG_PROFILE,
  makeAvif,
  makeBmp,
  makeGif,
  makeJpeg,
  makeLyingPng,
  makeMovie,
  makePngWith,
  mp4Box,
  pngChunk,
  pngFrame,
  pngProfile,
  riff,
  riffChunk,
  SECRET,
  webpCanvas,
  webpFrame,
  webpLossless,
} from '../../../../test/support/media-files.js';
import { orientationTiff, readOrientation } from '../exif.js';
import { ByteReader, PictureGuard, SANITIZERS } from './index.js';

const MAX_PIXELS = 50_000_000;
const EXIF_AND_XMP = 0x0c;

async function sanitize(contentType: string, data: Buffer, chunkBytes = 1000): Promise<Buffer> {
  async function* source() {
    for (let at = 0; at < data.length; at += chunkBytes) yield data.subarray(at, at + chunkBytes);
  }
  const parts: Buffer[] = [];
  const sanitizer = SANITIZERS[contentType];
  if (sanitizer === undefined) throw new Error(contentType);
  for await (const part of sanitizer(new ByteReader(source()), new PictureGuard(MAX_PIXELS))) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

describe('what a reference says about its maker', () => {
  const xmpText = pngChunk('iTXt', Buffer.from(`XML:com.adobe.xmp\0${SECRET}`));
  it.each<[string, Buffer, { width: number; height: number }?]>([
    ['image/jpeg', makeJpeg({ orientation: 1, chatty: true, trailer: Buffer.from(SECRET), fillByte: true }), { width: 40, height: 30 }],
    ['image/jpeg', makeJpeg({ orientation: 6, order: 'II', chatty: true, trailer: makeMovie() }), { width: 40, height: 30 }],
    [
      'image/png',
      makePngWith([xmpText, pngChunk('tEXt', Buffer.from(SECRET)), pngChunk('eXIf', exifTiff(3)), pngChunk('prVt', Buffer.from(SECRET))]),
      { width: 8, height: 8 },
    ],
    [
      'image/webp',
      riff([
        webpCanvas(30, 20, EXIF_AND_XMP),
        webpLossless(30, 20),
        riffChunk('EXIF', exifTiff(6)),
        riffChunk('XMP ', Buffer.from(SECRET)),
        riffChunk('odd!', Buffer.from(SECRET)),
      ]),
      { width: 30, height: 20 },
    ],
    ['image/gif', makeGif(2), { width: 10, height: 10 }],
    ['image/avif', makeAvif(64, 32, { chatty: true }), { width: 64, height: 32 }],
    ['video/mp4', Buffer.concat([makeMovie({ moovFirst: true }), mp4Box('uuid', Buffer.from(SECRET))])],
  ])('does not pass: %s', async (contentType, data, pixels) => {
    expect(data.includes(SECRET)).toBe(true);
    const results = await Promise.all([1, 7, 100_000].map((chunkBytes) => sanitize(contentType, data, chunkBytes)));
    for (const result of results) {
      expect(result.includes(SECRET)).toBe(false);
      expect(result.equals(results[0] as Buffer)).toBe(true);
      expect((await fileTypeFromBuffer(result))?.mime).toBe(contentType);
    }
    if (pixels !== undefined) expect(imageSize(results[0] as Buffer)).toMatchObject(pixels);
  });

  it.each([
    ['image/jpeg', makeJpeg({})],
    ['image/png', makePng()],
    ['image/png', makePngWith([pngProfile(3000), pngChunk('gAMA', Buffer.alloc(4, 1)), pngChunk('acTL', Buffer.alloc(8)), pngFrame(8, 8)])],
    ['image/webp', riff([webpCanvas(30, 20), webpFrame(30, 20), webpFrame(30, 20)])],
    ['image/webp', riff([webpLossless(31, 21)])],
    ['image/avif', makeAvif(64, 64)],
    ['image/bmp', makeBmp(4, 4)],
  ])('is all that is taken from %s', async (contentType, data) => {
    expect((await sanitize(contentType, data)).equals(data)).toBe(true);
  });

  it('is not the way a picture must be turned', async () => {
    for (const orientation of [1, 2, 3, 6, 8]) {
      for (const order of ['II', 'MM'] as const) {
        const jpeg = await sanitize('image/jpeg', makeJpeg({ orientation, order }));
        expect(imageSize(jpeg).orientation).toBe(orientation === 1 ? undefined : orientation);
        expect(jpeg.includes(JPEG_PROFILE)).toBe(true);
      }
      const exif = riffChunk('EXIF', exifTiff(orientation));
      const webp = await sanitize('image/webp', riff([webpCanvas(3, 2, EXIF_AND_XMP), webpLossless(3, 2), exif]));
      expect(readOrientation(webp.subarray(webp.indexOf('EXIF') + 8))).toBe(orientation);
      const png = await sanitize('image/png', makePngWith([pngChunk('eXIf', exifTiff(orientation))]));
      const kept = pngChunk('eXIf', orientationTiff(orientation));
      expect(png.includes(kept)).toBe(orientation !== 1);
      expect(png.length).toBe(makePng().length + (orientation === 1 ? 0 : kept.length));
    }
  });

  it('leaves the samples where they are', async () => {
    const avif = makeAvif(64, 32, { chatty: true });
    const still = await sanitize('image/avif', avif);
    const samples = avif.indexOf('mdat') + 4;
    expect(still).toHaveLength(avif.length);
    expect(still.subarray(samples, samples + 50).equals(Buffer.alloc(50, 1))).toBe(true);
    expect(still.subarray(samples + 54, samples + 54 + 26).equals(orientationTiff(1))).toBe(true);
    const movie = makeMovie({ moovFirst: true });
    const result = await sanitize('video/mp4', movie);
    expect(result).toHaveLength(movie.length);
    expect(result.indexOf('mdat')).toBe(movie.indexOf('mdat'));
    const png = makePngWith([pngChunk('tEXt', Buffer.from(SECRET))], { width: 5, height: 5 });
    const clean = await sanitize('image/png', png);
    const data = clean.indexOf('IDAT');
    expect(inflateSync(clean.subarray(data + 4, data + 4 + clean.readUInt32BE(data - 4)))).toHaveLength(5 * 21);
    expect(await sanitize('image/jpeg', makeJpeg({ withoutEnd: true }))).toEqual(makeJpeg({ withoutEnd: true }));
  });
});

describe('orientation', () => {
  it('is upright whenever the block makes no sense', () => {
    const wrongType = exifTiff(6);
    wrongType.writeUInt16BE(4, 8 + 2 + 12 + 2);
    const outside = exifTiff(6);
    outside.writeUInt32BE(0xffff_fff0, 4);
    for (const tiff of [Buffer.alloc(0), Buffer.from('garbage!garbage!'), exifTiff(9), exifTiff(0), wrongType, outside]) {
      expect(readOrientation(tiff)).toBe(1);
    }
    for (let length = 0; length < 32; length += 1) expect(readOrientation(exifTiff(6).subarray(0, length))).toBe(1);
  });
});

describe('a file that would hurt whoever decodes it', () => {
  const big = 65_535;
  it.each([
    ['a PNG of 65k × 65k', 'image/png', makeLyingPng(big, big)],
    ['a PNG of the largest numbers', 'image/png', makeLyingPng(0xffff_ffff, 0xffff_ffff)],
    ['an animated PNG with a huge frame', 'image/png', makePngWith([pngFrame(big, big)])],
    ['an animated PNG with a flood of frames', 'image/png', makePngWith(Array.from({ length: 1001 }, () => pngFrame(1, 1)))],
    ['a JPEG of 65k × 65k', 'image/jpeg', makeJpeg({ width: big, height: big })],
    [
      'a JPEG whose second header tells another size',
      'image/jpeg',
      Buffer.concat([makeJpeg({ withoutEnd: true }), makeJpeg({ width: big, height: big }).subarray(2)]),
    ],
    ['a WebP canvas of 16M × 16M', 'image/webp', riff([webpCanvas(2 ** 24, 2 ** 24)])],
    ['a WebP whose bitstream is larger than its canvas', 'image/webp', riff([webpCanvas(1, 1), webpLossless(16_384, 16_384)])],
    ['a WebP with a flood of frames', 'image/webp', riff([webpCanvas(2, 2), ...Array.from({ length: 1001 }, () => webpFrame(1, 1))])],
    ['a GIF whose frame is larger than its screen', 'image/gif', makeGif(1, { frame: { width: big, height: big } })],
    ['a GIF with a flood of frames', 'image/gif', makeGif(1001)],
    ['a GIF with fewer but large frames', 'image/gif', makeGif(60, { width: 3000, height: 3000 })],
    ['an AVIF of 65k × 65k', 'image/avif', makeAvif(big, big)],
    ['a BMP of 65k × 65k', 'image/bmp', makeBmp(big, -big)],
    ['an MP4 of 65k × 65k', 'video/mp4', makeMovie({ width: big, height: big })],
  ])('%s is too large', async (_name, contentType, data) => {
    await expect(sanitize(contentType, data)).rejects.toMatchObject({ code: 'reference_too_large' });
  });

  it('is refused at its header, before the rest has come', async () => {
    let asked = 0;
    async function* endless() {
      yield makeLyingPng(65_535, 65_535).subarray(0, 64);
      for (;;) {
        asked += 1;
        yield Buffer.alloc(1000);
      }
    }
    const run = SANITIZERS['image/png']?.(new ByteReader(endless()), new PictureGuard(MAX_PIXELS));
    await expect(run?.next().then(() => run.next())).rejects.toMatchObject({ code: 'reference_too_large' });
    expect(asked).toBe(0);
  });

  it.each([
    ['a PNG with a colour profile that is a bomb', 'image/png', makePngWith([pngProfile(20_000_000)])],
    ['a PNG with two headers', 'image/png', makePngWith([makePng().subarray(8, 8 + 25)])],
    ['a PNG without a header', 'image/png', Buffer.concat([makePng().subarray(0, 8), makePng().subarray(33)])],
    [
      'a PNG whose header claims two gigabytes',
      'image/png',
      Buffer.concat([makePng().subarray(0, 8), Buffer.from('7fffffff49484452', 'hex')]),
    ],
    ['a PNG without a size', 'image/png', makeLyingPng(0, 10)],
    ['a JPEG without a size', 'image/jpeg', makeJpeg({ height: 0 })],
    ['a JPEG without a frame', 'image/jpeg', Buffer.from('ffd8ffd9', 'hex')],
    ['a JPEG with a segment of no length', 'image/jpeg', Buffer.from('ffd8ffe00000', 'hex')],
    ['a JPEG with garbage between segments', 'image/jpeg', Buffer.from('ffd81234', 'hex')],
    ['a WebP with a chunk longer than itself', 'image/webp', Buffer.concat([riff([]), Buffer.alloc(20)]).fill(200, 4, 5)],
    ['a WebP with nothing in it', 'image/webp', riff([])],
    ['a GIF with an unknown block', 'image/gif', Buffer.concat([makeGif(1).subarray(0, -1), Buffer.of(0x77)])],
    ['an AVIF that moves', 'image/avif', makeAvif(8, 8, { brand: 'avis' })],
    // Version 0, no bytes per field, and 65,535 items of 65,535 parts each: every item takes six bytes, every part none.
    [
      'an AVIF that announces billions of parts',
      'image/avif',
      makeAvif(8, 8, { chatty: true, locations: Buffer.concat([Buffer.from('000000000000ffff', 'hex'), Buffer.alloc(6 * 65_535, 0xff)]) }),
    ],
    ['an AVIF whose parts are not described to the end', 'image/avif', makeAvif(8, 8, { chatty: true, locations: Buffer.alloc(5) })],
    ['an AVIF that hides where its metadata is', 'image/avif', makeAvif(8, 8, { chatty: true, locations: Buffer.alloc(8) })],
    ['an AVIF without a size', 'image/avif', makeAvif(8, 8).subarray(0, 40)],
    ['an MP4 without pictures', 'video/mp4', makeMovie({ width: 0, height: 0 })],
  ])('%s is invalid', async (_name, contentType, data) => {
    await expect(sanitize(contentType, data)).rejects.toMatchObject({ code: 'reference_invalid' });
  });

  it.each([
    ['image/png', makePngWith([pngChunk('eXIf', exifTiff(6))])],
    ['image/webp', riff([webpCanvas(30, 20), webpLossless(30, 20), riffChunk('EXIF', exifTiff(6))])],
    ['image/gif', makeGif(2)],
    ['image/jpeg', makeJpeg({ orientation: 6, chatty: true }).subarray(0, -17)],
    ['video/mp4', makeMovie({ moovFirst: true })],
  ])('%s cut anywhere is an error, never a crash or a shorter picture', async (contentType, data) => {
    for (let length = 12; length < data.length; length += 3) {
      // An MP4 may end between two boxes once its pictures are described.
      if (contentType === 'video/mp4' && length >= data.indexOf('mdat') - 4) break;
      await expect(sanitize(contentType, data.subarray(0, length))).rejects.toMatchObject({ code: 'reference_invalid' });
    }
  });
});
