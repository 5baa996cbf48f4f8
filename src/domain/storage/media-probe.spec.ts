import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { makePng } from '@litegen/plugin-sdk/testing';
import { describe, expect, it } from 'vitest';
import {
  JPEG_PROFILE,
  jpegSegment,
  makeAvif,
  makeBmp,
  makeGif,
  makeJpeg,
  makeMovie,
  makePngWith,
  pngChunk,
  riff,
  webpCanvas,
  webpFrame,
  webpLossless,
} from '../../../test/support/media-files.js';
import type { BlobStore, ByteRange } from './blob-store.js';
import { probeMedia, sniffContentType } from './media-probe.js';
import { MediaProbe } from './media-probe.service.js';

const FIXTURES = join(import.meta.dirname, '../../../test/fixtures/media');

function fixture(name: string): Buffer {
  return readFileSync(join(FIXTURES, name));
}

function probe(data: Buffer) {
  const reads: number[] = [];
  const read = async (position: number, length: number) => {
    reads.push(length);
    return data.subarray(position, position + length);
  };
  return { facts: probeMedia({ bytes: data.length, read }), reads };
}

describe('telling what a file is', () => {
  it.each([
    ['png', makePng({ width: 7, height: 5 }), { contentType: 'image/png', width: 7, height: 5 }],
    ['jpeg', makeJpeg({ width: 40, height: 30 }), { contentType: 'image/jpeg', width: 40, height: 30 }],
    ['turned jpeg', makeJpeg({ width: 40, height: 30, orientation: 6 }), { contentType: 'image/jpeg', width: 30, height: 40 }],
    ['gif', makeGif(1, { width: 12, height: 9 }), { contentType: 'image/gif', width: 12, height: 9 }],
    ['webp', riff([webpCanvas(300, 200), webpLossless(300, 200)]), { contentType: 'image/webp', width: 300, height: 200 }],
    ['avif', makeAvif(640, 360), { contentType: 'image/avif', width: 640, height: 360 }],
    ['bmp', makeBmp(16, -8), { contentType: 'image/bmp', width: 16, height: 8 }],
    ['mp4', makeMovie(), { contentType: 'video/mp4', width: 1280, height: 720, durationMs: 5000 }],
  ])('%s', async (_name, data, facts) => {
    expect(await probe(data).facts).toEqual(facts);
  });

  it.each([
    ['image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg"/>'],
    ['image/svg+xml', '\uFEFF<?xml version="1.0"?>\n<!-- made by hand -->\n<!DOCTYPE svg PUBLIC "x" "y">\n<svg >'],
    ['application/xml', '<?xml version="1.0"?><html><svg/></html>'],
    ['application/octet-stream', '<html><svg></svg></html>'],
    ['application/octet-stream', '<svgx>'],
    ['application/octet-stream', 'plain text'],
    ['application/octet-stream', ''],
  ])('%s for %j', async (contentType, text) => {
    expect(await sniffContentType(Buffer.from(text))).toBe(contentType);
  });

  it('knows WebM, and goes by bytes rather than by names within them', async () => {
    const webm = Buffer.from('1a45dfa39f4286810142f7810142f2810442f381084282847765626d4287810242858102', 'hex');
    expect(await sniffContentType(Buffer.concat([webm, Buffer.alloc(64)]))).toBe('video/webm');
    expect(await sniffContentType(Buffer.from('image/png;base64,iVBORw0KGgo'))).toBe('application/octet-stream');
  });

  it('finds a JPEG’s size behind a large profile', async () => {
    const plain = makeJpeg({ width: 33, height: 22 });
    const profile = jpegSegment(0xe2, Buffer.concat([JPEG_PROFILE.subarray(4, 18), Buffer.alloc(60_000)]));
    const data = Buffer.concat([plain.subarray(0, 2), profile, profile, profile, plain.subarray(2)]);
    expect(await probe(data).facts).toMatchObject({ width: 33, height: 22 });
  });

  it('leaves out what a broken header does not say', async () => {
    expect(await probe(makePng().subarray(0, 14)).facts).toEqual({ contentType: 'image/png', cutShort: true });
    expect(await probe(makeJpeg().subarray(0, 20)).facts).toEqual({ contentType: 'image/jpeg', cutShort: true });
  });
});

describe('files as common programs write them', () => {
  it.each([
    ['turned.png', { contentType: 'image/png', width: 48, height: 64 }],
    ['turned.webp', { contentType: 'image/webp', width: 48, height: 64 }],
    ['turned.avif', { contentType: 'image/avif', width: 48, height: 64 }],
    ['odd.avif', { contentType: 'image/avif', width: 63, height: 47 }],
    ['cropped.heic', { contentType: 'image/heic', width: 64, height: 48 }],
    ['cropped-turned.heic', { contentType: 'image/heic', width: 48, height: 64 }],
    ['fragments.mp4', { contentType: 'video/mp4', width: 64, height: 48, durationMs: 2000 }],
    ['fragments-dash.mp4', { contentType: 'video/mp4', width: 64, height: 48, durationMs: 2000 }],
  ])('%s', async (name, facts) => {
    expect(await probe(fixture(name)).facts).toEqual(facts);
  });

  it('may have a sound track that is longer than the picture', async () => {
    const { durationMs } = await probe(fixture('fragments-sound.mp4')).facts;
    expect(durationMs).toBeGreaterThan(2000);
    expect(durationMs).toBeLessThan(2300);
  });

  it.each(readdirSync(FIXTURES).filter((name) => /\.(heic|avif|mp4|png|webp)$/.test(name)))('%s may end anywhere', async (name) => {
    const data = fixture(name);
    for (let length = 16; length < data.length; length += 13) {
      expect(await probe(data.subarray(0, length)).facts).toMatchObject({ contentType: expect.any(String) });
    }
  });
});

describe('an MP4’s figures', () => {
  it.each([
    [
      { durationMs: 8040, moovFirst: true },
      { durationMs: 8040, width: 1280, height: 720 },
    ],
    [
      { durationMs: 8040, long: true },
      { durationMs: 8040, width: 1280, height: 720 },
    ],
    [{ turned: 90 as const }, { durationMs: 5000, width: 720, height: 1280 }],
    [
      { fragmented: true, durationMs: 3000 },
      { durationMs: 3000, width: 1280, height: 720 },
    ],
  ])('%j', async (options, facts) => {
    expect(await probe(makeMovie(options)).facts).toEqual({ contentType: 'video/mp4', ...facts });
  });

  it('are found at the end of a large file with few and small reads', async () => {
    const { facts, reads } = probe(makeMovie({ samplesBytes: 5_000_000 }));
    expect(await facts).toMatchObject({ durationMs: 5000, width: 1280 });
    expect(reads.length).toBeLessThanOrEqual(5);
    expect(Math.max(...reads)).toBeLessThanOrEqual(65_536);
  });

  it('are read from a store unless its writer found them already', async () => {
    const movie = makeMovie({ samplesBytes: 500_000 });
    const ranges: unknown[] = [];
    const read = async (_sha256: string, range?: ByteRange) => {
      ranges.push(range);
      return Readable.from([movie.subarray(range?.start, (range?.end ?? 0) + 1)]);
    };
    const service = new MediaProbe({ read } as unknown as BlobStore);
    const facts = { contentType: 'video/mp4', durationMs: 5000, width: 1280, height: 720 };
    expect(await service.video({ sha256: 'a'.repeat(64), bytes: movie.length })).toEqual(facts);
    expect(ranges.length).toBeGreaterThan(0);
    ranges.length = 0;
    expect(await service.video({ sha256: 'a'.repeat(64), bytes: movie.length, ...facts })).toEqual(facts);
    expect(ranges).toEqual([]);
  });

  it('are left out of a broken file, however it is broken', async () => {
    const movie = makeMovie();
    for (let length = 32; length < movie.length; length += 7) {
      const cut = await probe(movie.subarray(0, length)).facts;
      expect(cut.contentType).toBe('video/mp4');
    }
    const looping = Buffer.from(movie);
    // A size of 1 announces a 64-bit length, here of 0.
    looping.writeUInt32BE(1, 28);
    looping.fill(0, 36, 44);
    expect(await probe(looping).facts).toEqual({ contentType: 'video/mp4' });
  });
});

const element = (id: string, ...content: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(content);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(0x1000_0000 + body.length);
  return Buffer.concat([Buffer.from(id, 'hex'), size, body]);
};

function makeWebm({ isLive = false } = {}): Buffer {
  const duration = Buffer.alloc(8);
  duration.writeDoubleBE(2500);
  const info = element('1549a966', element('2ad7b1', Buffer.from('0f4240', 'hex')), element('4489', duration));
  const video = element('e0', element('b0', Buffer.from('0280', 'hex')), element('ba', Buffer.from('0168', 'hex')));
  const tracks = element('1654ae6b', element('ae', element('83', Buffer.of(2))), element('ae', element('83', Buffer.of(1)), video));
  const content = [element('ec', Buffer.alloc(200)), info, tracks, element('1f43b675', Buffer.alloc(3000, 7))];
  const segment = isLive ? Buffer.concat([Buffer.from('1853806701ffffffffffffff', 'hex'), ...content]) : element('18538067', ...content);
  return Buffer.concat([element('1a45dfa3', element('4282', Buffer.from('webm'))), segment]);
}

describe('a file that ends too early', () => {
  const thumbnail = jpegSegment(0xeb, makeJpeg());
  const longJpeg = Buffer.concat([
    makeJpeg().subarray(0, 2),
    thumbnail,
    makeJpeg().subarray(2, -2),
    Buffer.alloc(200_000, 0x11),
    Buffer.of(0xff, 0xd9),
  ]);

  it.each<readonly [string, Buffer]>([
    ['png', makePng({ width: 300, height: 200 })],
    ['large png', makePng({ width: 30, height: 20, bytes: 300_000 })],
    ['jpeg', makeJpeg()],
    ['jpeg with a thumbnail', longJpeg],
    ['gif', makeGif(3)],
    ['webp', riff([webpCanvas(300, 200), webpLossless(300, 200)])],
    ['avif', makeAvif(640, 360)],
    ['bmp', makeBmp(16, 8)],
    ['mp4', makeMovie()],
    ['mp4 with its index first', makeMovie({ moovFirst: true, samplesBytes: 200_000 })],
    ['webm', makeWebm()],
    ['svg', Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="5"><path d="M0 0${' L5 5'.repeat(50)}"/></svg>`)],
  ])('is told from a whole one: %s', async (name, data) => {
    expect(await probe(data).facts).not.toHaveProperty('cutShort');
    // What stands behind the end of a picture is no fault.
    if (name !== 'svg') expect(await probe(Buffer.concat([data, Buffer.alloc(100_000)])).facts).not.toHaveProperty('cutShort');
    for (const share of [0.6, 0.8, 0.95]) {
      const { cutShort, width, durationMs } = await probe(data.subarray(0, Math.floor(data.length * share))).facts;
      expect(cutShort === true || (width === undefined && durationMs === undefined), String(share)).toBe(true);
    }
  });

  it('is not told where the writer did not know the length', async () => {
    expect(await probe(makeWebm({ isLive: true })).facts).toEqual({ contentType: 'video/webm', width: 640, height: 360, durationMs: 2500 });
  });
});

describe('a WebM’s figures', () => {
  it('are those of its picture track', async () => {
    expect(await probe(makeWebm()).facts).toEqual({ contentType: 'video/webm', width: 640, height: 360, durationMs: 2500 });
  });

  it('are left out of a broken file, however it is broken', async () => {
    const webm = makeWebm();
    for (let length = 40; length < webm.length; length += 7)
      expect((await probe(webm.subarray(0, length)).facts).contentType).toBe('video/webm');
  });
});

describe('a picture that moves', () => {
  it.each<readonly [string, Buffer, true | undefined]>([
    ['APNG', makePngWith([pngChunk('acTL', Buffer.alloc(8))]), true],
    ['PNG', makePng(), undefined],
    ['animated WebP', riff([webpCanvas(30, 20, 2), webpFrame(30, 20)]), true],
    ['WebP', riff([webpCanvas(30, 20), webpLossless(30, 20)]), undefined],
  ])('is told: %s', async (_name, data, animated) => {
    expect((await probe(data).facts).animated).toBe(animated);
  });
});
