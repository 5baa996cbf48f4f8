import { promisify } from 'node:util';
import { crc32, deflate, inflate } from 'node:zlib';
import { type InputMedia, ProviderError } from '@litegen/plugin-sdk';

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');
/** Bounds the memory that one mask can take; larger than any picture these servers make. */
const MAX_PIXELS = 4096 * 4096;
/** Samples per pixel of the PNG colour types that have an alpha channel: grey with alpha, RGB with alpha. */
const CHANNELS: Readonly<Record<number, number>> = { 4: 2, 6: 4 };

interface Header {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly bytesPerSample: number;
}

/**
 * Turns OpenAI's kind of mask (a PNG whose transparent area is repainted) into a grey PNG whose white area is repainted.
 * Half transparency becomes grey.
 * @throws ProviderError `unsupported` for a mask without an alpha channel, an interlaced PNG, and other formats.
 */
export async function whiteMask(mask: InputMedia): Promise<Uint8Array> {
  const file = Buffer.from(await mask.read());
  if (!file.subarray(0, 8).equals(SIGNATURE)) throw cannotConvert('it is not a PNG');
  const { header, data } = readChunks(file);
  const rowBytes = header.width * header.channels * header.bytesPerSample;
  const raw = await inflateRows(data, (rowBytes + 1) * header.height);
  undoFilters(raw, rowBytes, header);
  return encodeGrey(header, invertedAlpha(raw, rowBytes, header));
}

function readChunks(file: Buffer): { header: Header; data: Buffer } {
  let header: Header | undefined;
  const parts: Buffer[] = [];
  for (let at = 8; at + 12 <= file.length; ) {
    const length = file.readUInt32BE(at);
    const type = file.toString('latin1', at + 4, at + 8);
    const content = file.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR' && content.length === 13) header = readHeader(content);
    if (type === 'IDAT') parts.push(content);
    if (type === 'IEND') break;
    at += length + 12;
  }
  if (!header || parts.length === 0) throw cannotConvert('it is damaged');
  return { header, data: Buffer.concat(parts) };
}

function readHeader(content: Buffer): Header {
  const [width, height] = [content.readUInt32BE(0), content.readUInt32BE(4)];
  const [bits = 0, colourType = 0, , , interlaced] = content.subarray(8);
  const channels = CHANNELS[colourType];
  if (channels === undefined) throw cannotConvert('it has no alpha channel');
  if (interlaced !== 0) throw cannotConvert('it is interlaced');
  if (bits !== 8 && bits !== 16) throw cannotConvert('it is damaged');
  if (width === 0 || height === 0 || width * height > MAX_PIXELS) throw cannotConvert('it has more than 4096x4096 pixels');
  return { width, height, channels, bytesPerSample: bits / 8 };
}

async function inflateRows(data: Buffer, bytes: number): Promise<Buffer> {
  const raw = await promisify<Buffer, { maxOutputLength: number }, Buffer>(inflate)(data, { maxOutputLength: bytes }).catch(
    () => undefined,
  );
  if (raw?.length !== bytes) throw cannotConvert('it is damaged');
  return raw;
}

/** Reverses PNG's row filters (https://www.w3.org/TR/png-3/#9Filters) in place. */
function undoFilters(raw: Buffer, rowBytes: number, { height, channels, bytesPerSample }: Header): void {
  const step = channels * bytesPerSample;
  for (let row = 0; row < height; row += 1) {
    const start = row * (rowBytes + 1) + 1;
    const filter = raw[start - 1] ?? 0;
    if (filter > 4) throw cannotConvert('it is damaged');
    if (filter === 0) continue;
    for (let column = 0; column < rowBytes; column += 1) {
      const at = start + column;
      const left = column < step ? 0 : (raw[at - step] ?? 0);
      const above = row === 0 ? 0 : (raw[at - rowBytes - 1] ?? 0);
      const corner = row === 0 || column < step ? 0 : (raw[at - rowBytes - 1 - step] ?? 0);
      raw[at] = ((raw[at] ?? 0) + predict(filter, left, above, corner)) & 0xff;
    }
  }
}

function predict(filter: number, left: number, above: number, corner: number): number {
  if (filter === 1) return left;
  if (filter === 2) return above;
  if (filter === 3) return (left + above) >> 1;
  const estimate = left + above - corner;
  const [toLeft, toAbove, toCorner] = [Math.abs(estimate - left), Math.abs(estimate - above), Math.abs(estimate - corner)];
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

/** Unfiltered rows of one grey byte per pixel. */
function invertedAlpha(raw: Buffer, rowBytes: number, { width, height, channels, bytesPerSample }: Header): Buffer {
  const grey = Buffer.alloc((width + 1) * height);
  const pixelBytes = channels * bytesPerSample;
  const alphaAt = pixelBytes - bytesPerSample;
  for (let row = 0; row < height; row += 1) {
    const from = row * (rowBytes + 1) + 1 + alphaAt;
    const to = row * (width + 1) + 1;
    for (let column = 0; column < width; column += 1) grey[to + column] = 255 - (raw[from + column * pixelBytes] ?? 0);
  }
  return grey;
}

async function encodeGrey({ width, height }: Header, rows: Buffer): Promise<Uint8Array> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Eight bits of grey; the bytes behind it (compression, filter, interlace) are zero.
  header[8] = 8;
  const data = await promisify<Buffer, Buffer>(deflate)(rows);
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(type: string, data: Buffer): Buffer {
  const out = Buffer.alloc(data.length + 12);
  out.writeUInt32BE(data.length, 0);
  out.write(type, 4, 'latin1');
  data.copy(out, 8);
  out.writeUInt32BE(crc32(out.subarray(4, data.length + 8)), data.length + 8);
  return out;
}

function cannotConvert(why: string): ProviderError {
  return new ProviderError('unsupported', `This server wants a black and white mask, and this one cannot be converted: ${why}.`, {
    param: 'mask',
  });
}
