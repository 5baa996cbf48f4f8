import { crc32, deflateSync } from 'node:zlib';

export interface PngOptions {
  /** Pixels. Default 8. */
  readonly width?: number;
  /** Pixels. Default 8. */
  readonly height?: number;
  /** Red, green, blue and alpha, 0–255 each. Default: opaque teal. */
  readonly colour?: readonly [number, number, number, number];
  /** The file's exact length, reached with an ancillary chunk that decoders skip. Default: as small as it gets. */
  readonly bytes?: number;
}

/** PNG's colour types, each with 8 bits per sample. */
const GREYSCALE = 0;
const RGBA = 6;

/** A decodable PNG of one colour, with an alpha channel. @throws RangeError when `bytes` is less than the picture itself needs. */
export function makePng(options: PngOptions = {}): Buffer {
  const { width = 8, height = 8, colour = [0, 128, 128, 255] } = options;
  const { head, tail } = encodePng(width, height, RGBA, colour);
  const natural = head.length + tail.length;
  if (options.bytes === undefined || options.bytes === natural) return Buffer.concat([head, tail]);
  const filler = options.bytes - natural - 12;
  if (filler < 0) throw new RangeError(`A PNG of ${width}x${height} cannot have ${options.bytes} bytes`);
  return Buffer.concat([head, chunk('liTe', Buffer.alloc(filler, 0x5a)), tail]);
}

/** A valid grey PNG of the given size in pixels, without an alpha channel. */
export function pngOf(width: number, height: number): Uint8Array {
  const { head, tail } = encodePng(width, height, GREYSCALE, [0x80]);
  return new Uint8Array(Buffer.concat([head, tail]));
}

export const PNG_1X1: Uint8Array = pngOf(1, 1);

/** The file in two parts, between which ancillary chunks may stand. */
function encodePng(width: number, height: number, colourType: number, pixel: readonly number[]): { head: Buffer; tail: Buffer } {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // 8 bits per sample; compression, filter and interlace are zero.
  header.set([8, colourType], 8);
  // Each row starts with its filter type, 0 for none.
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(width * pixel.length, Buffer.from(pixel))]);
  return {
    head: Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', header)]),
    tail: Buffer.concat([chunk('IDAT', deflateSync(Buffer.alloc(row.length * height, row))), chunk('IEND', Buffer.alloc(0))]),
  };
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

/** An MP4 of one second, 64×36 pixels, in `bytes` (at least 300). It has no frames, so no player shows it. */
export function makeMp4(bytes = 300): Buffer {
  const ftyp = box('ftyp', Buffer.concat([Buffer.from('isom'), Buffer.from([0, 0, 2, 0]), Buffer.from('isomiso2mp41')]));
  const movie = Buffer.alloc(100);
  movie.writeUInt32BE(1000, 12);
  movie.writeUInt32BE(1000, 16);
  const track = Buffer.alloc(84);
  track.writeUInt32BE(0x1_0000, 40);
  track.writeUInt32BE(64 * 0x1_0000, 76);
  track.writeUInt32BE(36 * 0x1_0000, 80);
  const moov = box('moov', Buffer.concat([box('mvhd', movie), box('trak', box('tkhd', track))]));
  return Buffer.concat([ftyp, moov, box('mdat', Buffer.alloc(bytes - ftyp.length - moov.length - 8, 0x5a))]);
}

function box(type: string, data: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(data.length + 8, 0);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, data]);
}

/** 16×16 pixels. */
export const TINY_JPEG = Buffer.from(
  '/9j/4AAQSkZJRgABAgAAAQABAAD//gAQTGF2YzU5LjM3LjEwMAD/2wBDAAgEBAQEBAUFBQUFBQYGBgYGBgYGBgYGBgYHBwcICAgHBwcGBgcHCAgICAkJCQgICAgJCQoK' +
    'CgwMCwsODg4RERT/xABMAAEBAAAAAAAAAAAAAAAAAAAABgEBAQAAAAAAAAAAAAAAAAAABQcQAQAAAAAAAAAAAAAAAAAAAAARAQAAAAAAAAAAAAAAAAAAAAD/wAARCAAQ' +
    'ABADASIAAhEAAxEA/9oADAMBAAIRAxEAPwCZALJ+/9k=',
  'base64',
);

/** 16×16 pixels. */
export const TINY_WEBP = Buffer.from('UklGRjgAAABXRUJQVlA4ICwAAACQAQCdASoQABAAAgA0JaACdLoAA5gA/u8pR8TxdvIb/6MP/xpH/GkfDmAAAA==', 'base64');

/** One pixel. */
export const TINY_GIF = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');
