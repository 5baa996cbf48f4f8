import { makePng } from '@litegen/plugin-sdk/testing';
import {
  exifTiff,
  jpegSegment,
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
  webpCanvas,
  webpFrame,
  webpLossless,
} from '../support/media-files.js';
import { type HostileCase, type Random, request } from './hostile-case.js';

const HUGE = 65_535;
const EIGHT_MB = 8_000_000;

const many = (piece: Buffer, bytes: number): Buffer => Buffer.concat(Array.from({ length: Math.ceil(bytes / piece.length) }, () => piece));
const spliced = (data: Buffer, at: number, more: Buffer): Buffer => Buffer.concat([data.subarray(0, at), more, data.subarray(at)]);
const ispe = mp4Box('ispe', Buffer.alloc(4), Buffer.from('0000000800000008', 'hex'));
const ftyp = (brand: string): Buffer => mp4Box('ftyp', Buffer.from(`${brand}\0\0\0\0mif1${brand}miaf`, 'latin1'));
const withSizes = (brand: string, bytes: number): Buffer =>
  Buffer.concat([ftyp(brand), mp4Box('meta', Buffer.alloc(4), mp4Box('iprp', mp4Box('ipco', many(ispe, bytes))))]);

/** One good file of each kind. */
const GOOD: readonly (readonly [string, Buffer])[] = [
  ['png', makePngWith([pngProfile(3000), pngChunk('eXIf', exifTiff(6)), pngFrame(8, 8)])],
  ['jpeg', makeJpeg({ orientation: 6, chatty: true })],
  ['gif', makeGif(3)],
  ['webp', riff([webpCanvas(30, 20, 0x0c), webpFrame(30, 20), webpLossless(30, 20), riffChunk('EXIF', exifTiff(6))])],
  ['avif', makeAvif(64, 32, { chatty: true })],
  ['bmp', makeBmp(16, 8)],
  ['mp4', makeMovie({ moovFirst: true })],
];

const BAD: readonly (readonly [string, () => Buffer])[] = [
  ['8 MB of GIF comments', () => spliced(makeGif(1), 19, many(Buffer.from('21fe00', 'hex'), EIGHT_MB))],
  [
    '8 MB of GIF blocks of one byte',
    () => spliced(makeGif(1), 19, Buffer.concat([Buffer.from('21fe', 'hex'), many(Buffer.of(1, 1), EIGHT_MB), Buffer.of(0)])),
  ],
  ['8 MB of GIF images', () => spliced(makeGif(1), 19, many(Buffer.from('2c00000000010001000002024c0100', 'hex'), EIGHT_MB))],
  ['a GIF of 60,000 frames', () => makeGif(60_000)],
  ['a GIF without an end', () => Buffer.concat([makeGif(1).subarray(0, -1), Buffer.alloc(EIGHT_MB, 0x21)])],
  ['8 MB of JPEG comments', () => spliced(makeJpeg(), 2, many(jpegSegment(0xfe, Buffer.alloc(0)), EIGHT_MB))],
  ['8 MB of JPEG tables', () => spliced(makeJpeg(), 2, many(jpegSegment(0xdb, Buffer.alloc(0)), EIGHT_MB))],
  ['8 MB of JPEG markers', () => spliced(makeJpeg(), 2, many(Buffer.of(0xff, 0xd0), EIGHT_MB))],
  ['8 MB of JPEG fill bytes', () => spliced(makeJpeg(), 2, Buffer.alloc(EIGHT_MB, 0xff))],
  ['8 MB of stuffed JPEG samples', () => Buffer.concat([makeJpeg({ withoutEnd: true }), many(Buffer.of(0xff, 0), EIGHT_MB)])],
  ['8 MB of JPEG scans', () => Buffer.concat([makeJpeg({ withoutEnd: true }), many(Buffer.from('ffda0002', 'hex'), EIGHT_MB)])],
  [
    '8 MB of JPEG Exif',
    () => spliced(makeJpeg(), 2, many(jpegSegment(0xe1, Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), exifTiff(6)])), EIGHT_MB)),
  ],
  ['8 MB of PNG texts', () => makePngWith([many(pngChunk('tEXt', Buffer.alloc(0)), EIGHT_MB)])],
  ['8 MB of PNG samples', () => makePngWith([many(pngChunk('IDAT', Buffer.alloc(0)), EIGHT_MB)])],
  ['many PNG profiles', () => makePngWith([many(pngProfile(8_000_000), 1_000_000)])],
  ['a PNG profile that is a bomb', () => makePngWith([pngProfile(100_000_000)])],
  ['8 MB of PNG Exif', () => makePngWith([many(pngChunk('eXIf', exifTiff(6)), EIGHT_MB)])],
  ['a PNG of 65k × 65k', () => makeLyingPng(HUGE, HUGE)],
  ['a PNG of no size', () => makeLyingPng(0, 0)],
  ['a PNG of the largest numbers', () => makeLyingPng(0xffff_ffff, 0xffff_ffff)],
  ['a PNG of a 2 GB chunk', () => Buffer.concat([makePng().subarray(0, 33), Buffer.from('7fffffff49444154', 'hex')])],
  ['8 MB of WebP chunks', () => riff([webpCanvas(2, 2), many(riffChunk('odd!', Buffer.alloc(0)), EIGHT_MB)])],
  ['8 MB of WebP Exif', () => riff([webpCanvas(2, 2), many(riffChunk('EXIF', exifTiff(6)), EIGHT_MB)])],
  ['8 MB of WebP frames', () => riff([webpCanvas(2, 2), many(webpFrame(1, 1), EIGHT_MB)])],
  ['a WebP that lies about its length', () => Buffer.concat([Buffer.from('RIFF\xff\xff\xff\xffWEBP', 'latin1'), webpCanvas(2, 2)])],
  ['a WebP of 16M × 16M', () => riff([webpCanvas(2 ** 24, 2 ** 24)])],
  ['1 MB of AVIF boxes', () => spliced(makeAvif(8, 8), makeAvif(8, 8).readUInt32BE(0), many(mp4Box('free'), 1_000_000))],
  ['1 MB of AVIF sizes', () => withSizes('avif', 1_000_000)],
  ['60 KB of AVIF sizes', () => withSizes('avif', 60_000)],
  ['1 MB of HEIC sizes', () => withSizes('heic', 1_000_000)],
  ['an AVIF box without a length', () => Buffer.concat([ftyp('avif'), Buffer.from('00000000meta', 'latin1'), Buffer.alloc(60_000)])],
  [
    'an AVIF of billions of extents',
    () =>
      makeAvif(8, 8, { chatty: true, locations: Buffer.concat([Buffer.from('000000000000ffff', 'hex'), Buffer.alloc(6 * 65_535, 0xff)]) }),
  ],
  ['8 MB of MP4 boxes', () => Buffer.concat([makeMovie({ moovFirst: true }), many(mp4Box('free'), EIGHT_MB)])],
  ['8 MB of MP4 containers', () => Buffer.concat([makeMovie({ moovFirst: true }), many(mp4Box('trak'), EIGHT_MB)])],
  [
    'an MP4 box of 2^64 bytes',
    () => Buffer.concat([makeMovie({ moovFirst: true }), Buffer.from('00000001', 'hex'), Buffer.from('mdat'), Buffer.alloc(8, 0xff)]),
  ],
  ['an MP4 of 65k × 65k', () => makeMovie({ width: HUGE, height: HUGE, moovFirst: true })],
  ['a BMP of negative size', () => makeBmp(-5, -5)],
  ['a BMP of 65k × 65k', () => makeBmp(HUGE, -HUGE)],
  ['SVG', () => Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg"><script>1</script>${'<g>'.repeat(100_000)}</svg>`)],
  ['SVG within comments', () => Buffer.from(`${'<!-- -->'.repeat(500)}<svg>`)],
  ['HTML', () => Buffer.from('<html><body>no picture</body></html>')],
  ['a ZIP', () => Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), Buffer.alloc(5000)])],
  ['nothing', () => Buffer.alloc(0)],
  ['zeros', () => Buffer.alloc(EIGHT_MB)],
  ['a file over the limit', () => Buffer.concat([makePng().subarray(0, -12), pngChunk('IDAT', Buffer.alloc(70_000_000))])],
];

/** As a form's file, or as base64 within JSON. */
function upload(name: string, file: () => Buffer, asForm: boolean): HostileCase {
  const isVideo = /MP4|mp4/.test(name);
  const path = isVideo ? '/v1/videos' : '/v1/images/edits';
  const model = isVideo ? 'mock/clip' : 'mock/paint';
  const field = isVideo ? 'input_reference' : 'image';
  const text = (key: string, value: string): string => `--b\r\nContent-Disposition: form-data; name="${key}"\r\n\r\n${value}\r\n`;
  return {
    name: `${asForm ? 'form' : 'base64'} of ${name}`,
    parts: () => {
      if (!asForm)
        return [request(path, JSON.stringify({ model, prompt: 'x', [field]: `data:image/png;base64,${file().toString('base64')}` }))];
      const head = `${text('model', model)}${text('prompt', 'x')}--b\r\nContent-Disposition: form-data; name="${field}"; filename="f"\r\n\r\n`;
      const body = Buffer.concat([Buffer.from(head), file(), Buffer.from('\r\n--b--\r\n')]);
      return [request(path, body, { type: 'multipart/form-data; boundary=b' })];
    },
  };
}

export function mediaCases(random: Random): HostileCase[] {
  const bad = BAD.map(([name, file], index) => upload(name, file, index % 2 === 0 || /over the limit/.test(name)));
  const cut = GOOD.flatMap(([kind, file]) =>
    Array.from({ length: 3 }, (): HostileCase => {
      const length = 8 + random.whole(file.length - 8);
      return upload(`${kind} cut at ${length}`, () => file.subarray(0, length), random.whole(2) === 0);
    }),
  );
  const flipped = GOOD.flatMap(([kind, file]) =>
    Array.from({ length: 5 }, (_, index): HostileCase => {
      const copy = Buffer.from(file);
      for (let flips = 0; flips < 3; flips += 1) copy[8 + random.whole(copy.length - 8)] = random.whole(256);
      return upload(`${kind} with flipped bytes ${index}`, () => copy, random.whole(2) === 0);
    }),
  );
  return [...bad, ...cut, ...flipped];
}
