import { crc32, deflateSync } from 'node:zlib';
import { makePng } from '@litegen/plugin-sdk/testing';

/** Bytes of media files with what real ones carry along: Exif with a place, XMP, comments, profiles. Headers are true to format; pixels are not. */

/** Stands in every metadata block that the builders make, so that a test sees whether any of it survived. */
export const SECRET = 'N52-31-12-E13-24-36';

const ascii = (text: string) => Buffer.from(text, 'latin1');
const u16be = (value: number) => Buffer.of(value >>> 8, value & 0xff);
const u16le = (value: number) => Buffer.of(value & 0xff, value >>> 8);
const u24le = (value: number) => Buffer.of(value & 0xff, (value >>> 8) & 0xff, value >>> 16);
const u32be = (value: number) => {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value);
  return out;
};
const u32le = (value: number) => Buffer.from(u32be(value)).reverse();

/** An Exif block: a description with {@link SECRET} and, after it, the orientation. */
export function exifTiff(orientation: number, order: 'II' | 'MM' = 'MM'): Buffer {
  const short = order === 'II' ? u16le : u16be;
  const long = order === 'II' ? u32le : u32be;
  const text = ascii(`${SECRET}\0`);
  const entries = [
    Buffer.concat([short(0x010e), short(2), long(text.length), long(8 + 2 + 24 + 4)]),
    Buffer.concat([short(0x0112), short(3), long(1), short(orientation), short(0)]),
  ];
  return Buffer.concat([ascii(order), short(42), long(8), short(entries.length), ...entries, long(0), text]);
}

export interface JpegOptions {
  readonly width?: number;
  readonly height?: number;
  /** 1–8. Default: no Exif at all. */
  readonly orientation?: number;
  readonly order?: 'II' | 'MM';
  /** Segments with XMP, a comment, IPTC and a maker's block. */
  readonly chatty?: boolean;
  /** Behind the end of the picture. */
  readonly trailer?: Buffer;
  readonly withoutEnd?: boolean;
  /** A needless 0xff before a marker, which is legal. */
  readonly fillByte?: boolean;
}

export function jpegSegment(marker: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0xff, marker), u16be(payload.length + 2), payload]);
}

export const JPEG_PROFILE = jpegSegment(0xe2, Buffer.concat([ascii('ICC_PROFILE\0'), Buffer.of(1, 1), ascii('profile')]));

export function makeJpeg(options: JpegOptions = {}): Buffer {
  const { width = 40, height = 30 } = options;
  const exif =
    options.orientation === undefined
      ? []
      : [jpegSegment(0xe1, Buffer.concat([ascii('Exif\0\0'), exifTiff(options.orientation, options.order)]))];
  const chatter = options.chatty
    ? [
        jpegSegment(0xe1, ascii(`http://ns.adobe.com/xap/1.0/\0<x>${SECRET}</x>`)),
        jpegSegment(0xe2, ascii(`MPF\0${SECRET}`)),
        jpegSegment(0xe5, ascii(SECRET)),
        jpegSegment(0xed, ascii(`Photoshop 3.0\0${SECRET}`)),
        jpegSegment(0xfe, ascii(SECRET)),
      ]
    : [];
  return Buffer.concat([
    Buffer.of(0xff, 0xd8),
    jpegSegment(0xe0, Buffer.concat([ascii('JFIF\0'), Buffer.from('010100000100010000', 'hex')])),
    ...exif,
    ...chatter,
    JPEG_PROFILE,
    jpegSegment(0xdb, Buffer.alloc(65, 1)),
    ...(options.fillByte ? [Buffer.of(0xff)] : []),
    jpegSegment(0xc0, Buffer.concat([Buffer.of(8), u16be(height), u16be(width), Buffer.from('01011100', 'hex')])),
    jpegSegment(0xc4, Buffer.alloc(20, 2)),
    jpegSegment(0xda, Buffer.from('010100003f00', 'hex')),
    Buffer.from('1234ff005678ffd09abcff00ffd1de', 'hex'),
    ...(options.withoutEnd ? [] : [Buffer.of(0xff, 0xd9)]),
    options.trailer ?? Buffer.alloc(0),
  ]);
}

export function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([ascii(type), data]);
  return Buffer.concat([u32be(data.length), body, u32be(crc32(body))]);
}

/** A decodable PNG with further chunks behind its header. */
export function makePngWith(chunks: readonly Buffer[], size: { width?: number; height?: number } = {}): Buffer {
  const png = makePng(size);
  const headerEnd = 8 + 25;
  return Buffer.concat([png.subarray(0, headerEnd), ...chunks, png.subarray(headerEnd)]);
}

/** A PNG whose header claims a size and whose picture is that of another. */
export function makeLyingPng(width: number, height: number): Buffer {
  const png = makePng();
  const header = Buffer.concat([u32be(width), u32be(height), Buffer.of(8, 6, 0, 0, 0)]);
  return Buffer.concat([png.subarray(0, 8), pngChunk('IHDR', header), png.subarray(8 + 25)]);
}

/** `iCCP` whose profile inflates to so many bytes. */
export function pngProfile(bytes: number): Buffer {
  return pngChunk('iCCP', Buffer.concat([ascii('profile\0\0'), deflateSync(Buffer.alloc(bytes))]));
}

export function pngFrame(width: number, height: number): Buffer {
  return pngChunk('fcTL', Buffer.concat([u32be(0), u32be(width), u32be(height), Buffer.alloc(14)]));
}

export function riffChunk(type: string, data: Buffer): Buffer {
  return Buffer.concat([ascii(type), u32le(data.length), data, Buffer.alloc(data.length % 2)]);
}

export function riff(chunks: readonly Buffer[]): Buffer {
  const body = Buffer.concat([ascii('WEBP'), ...chunks]);
  return Buffer.concat([ascii('RIFF'), u32le(body.length), body]);
}

export function webpCanvas(width: number, height: number, flags = 0): Buffer {
  return riffChunk('VP8X', Buffer.concat([Buffer.of(flags, 0, 0, 0), u24le(width - 1), u24le(height - 1)]));
}

export function webpLossless(width: number, height: number): Buffer {
  return riffChunk('VP8L', Buffer.concat([Buffer.of(0x2f), u32le(((height - 1) << 14) | (width - 1)), ascii('samples')]));
}

export function webpFrame(width: number, height: number): Buffer {
  return riffChunk(
    'ANMF',
    Buffer.concat([u24le(0), u24le(0), u24le(width - 1), u24le(height - 1), u24le(40), Buffer.of(0), webpLossless(width, height)]),
  );
}

/** A GIF of so many frames; `frame` is the size of each. */
export function makeGif(
  frames: number,
  options: { width?: number; height?: number; frame?: { width: number; height: number } } = {},
): Buffer {
  const { width = 10, height = 10 } = options;
  const size = options.frame ?? { width, height };
  const frame = Buffer.concat([
    Buffer.from('21f9040000000000', 'hex'),
    Buffer.of(0x2c, 0, 0, 0, 0),
    u16le(size.width),
    u16le(size.height),
    // No colour table of its own, two-bit codes, one block of samples.
    Buffer.of(0, 2, 2, 0x44, 0x01, 0),
  ]);
  return Buffer.concat([
    ascii('GIF89a'),
    u16le(width),
    u16le(height),
    Buffer.from('800000000000ffffff', 'hex'),
    Buffer.concat([Buffer.from('21ff0b', 'hex'), ascii('NETSCAPE2.0'), Buffer.from('0301000000', 'hex')]),
    Buffer.concat([Buffer.from('21ff0b', 'hex'), ascii('XMP DataXMP'), Buffer.of(SECRET.length), ascii(SECRET), Buffer.of(0)]),
    Buffer.concat([Buffer.from('21fe', 'hex'), Buffer.of(SECRET.length), ascii(SECRET), Buffer.of(0)]),
    ...Array.from({ length: frames }, () => frame),
    Buffer.of(0x3b),
  ]);
}

export function mp4Box(type: string, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([u32be(body.length + 8), ascii(type), body]);
}

export interface Mp4Options {
  readonly durationMs?: number;
  readonly width?: number;
  readonly height?: number;
  /** Degrees clockwise. */
  readonly turned?: 0 | 90;
  /** 64-bit times. */
  readonly long?: boolean;
  readonly samplesBytes?: number;
  readonly moovFirst?: boolean;
  /** The duration stands in `mehd` alone, as in fragmented files. */
  readonly fragmented?: boolean;
}

/** An MP4 with a sound track, a picture track, and a place in its user data. It has no playable samples. */
export function makeMovie(options: Mp4Options = {}): Buffer {
  const { durationMs = 5000, width = 1280, height = 720, long = false } = options;
  const timescale = 600;
  const units = Math.round((durationMs * timescale) / 1000);
  const known = options.fragmented ? 0 : units;
  const duration = long ? Buffer.concat([u32be(0), u32be(known)]) : u32be(known);
  const version = u32be(long ? 0x0100_0000 : 0);
  const times = Buffer.alloc(long ? 16 : 8);
  const mvhd = mp4Box('mvhd', version, times, u32be(timescale), duration, Buffer.alloc(80));
  const matrix = (turned: boolean) =>
    Buffer.concat(
      (turned ? [0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x4000_0000] : [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000]).map((value) =>
        u32be(value >>> 0),
      ),
    );
  const track = (trackWidth: number, trackHeight: number) =>
    mp4Box(
      'trak',
      mp4Box(
        'tkhd',
        version,
        times,
        u32be(1),
        u32be(0),
        duration,
        Buffer.alloc(16),
        matrix(options.turned === 90),
        u32be(trackWidth * 65_536),
        u32be(trackHeight * 65_536),
      ),
      mp4Box('mdia', mp4Box('mdhd', Buffer.alloc(24)), mp4Box('minf', Buffer.alloc(40))),
    );
  const mehd = options.fragmented ? [mp4Box('mvex', mp4Box('mehd', u32be(0), u32be(units)))] : [];
  const moov = mp4Box('moov', mvhd, track(0, 0), track(width, height), ...mehd, mp4Box('udta', mp4Box('\xa9xyz', ascii(SECRET))));
  const ftyp = mp4Box('ftyp', ascii('isom'), u32be(512), ascii('isomiso2mp41'));
  const mdat = mp4Box('mdat', Buffer.alloc(options.samplesBytes ?? 100, 0x5a));
  return Buffer.concat(options.moovFirst ? [ftyp, moov, mdat] : [ftyp, mdat, moov]);
}

/** An AVIF without decodable samples. `chatty`: with an Exif item in the file and an XMP item in `idat`. `locations`: the content of its `iloc` box. */
export function makeAvif(width: number, height: number, options: { chatty?: boolean; brand?: string; locations?: Buffer } = {}): Buffer {
  const ftyp = mp4Box('ftyp', ascii(options.brand ?? 'avif'), u32be(0), ascii('avifmif1miaf'));
  const ispe = mp4Box('ispe', u32be(0), u32be(width), u32be(height));
  const picture = Buffer.alloc(50, 1);
  const exif = Buffer.concat([u32be(0), exifTiff(6)]);
  const xmp = ascii(`<x>${SECRET}</x>`);
  const item = (id: number, type: string, ...more: Buffer[]) =>
    mp4Box('infe', u32be(0x0200_0000), u16be(id), u16be(0), ascii(`${type}\0`), ...more);
  const iinf = mp4Box('iinf', u32be(0), u16be(3), item(1, 'av01'), item(2, 'Exif'), item(3, 'mime', ascii('application/rdf+xml\0')));
  const location = (id: number, method: number, offset: number, length: number) =>
    Buffer.concat([u16be(id), u16be(method), u16be(0), u16be(1), u32be(offset), u32be(length)]);
  const metaOf = (mediaAt: number) => {
    const iloc = mp4Box(
      'iloc',
      u32be(0x0100_0000),
      u16be(0x4400),
      u16be(3),
      location(1, 0, mediaAt, picture.length),
      location(2, 0, mediaAt + picture.length, exif.length),
      location(3, 1, 0, xmp.length),
    );
    const described = options.chatty
      ? [iinf, options.locations === undefined ? iloc : mp4Box('iloc', options.locations), mp4Box('idat', xmp)]
      : [];
    return mp4Box('meta', u32be(0), mp4Box('hdlr', Buffer.alloc(24)), ...described, mp4Box('iprp', mp4Box('ipco', ispe)));
  };
  const meta = metaOf(ftyp.length + metaOf(0).length + 8);
  return Buffer.concat([ftyp, meta, mp4Box('mdat', picture, ...(options.chatty ? [exif] : []))]);
}

export function makeBmp(width: number, height: number): Buffer {
  const header = Buffer.alloc(54);
  header.write('BM', 0, 'latin1');
  header.writeUInt32LE(54, 2);
  header.writeUInt32LE(54, 10);
  header.writeUInt32LE(40, 14);
  header.writeInt32LE(width, 18);
  header.writeInt32LE(height, 22);
  return header;
}
