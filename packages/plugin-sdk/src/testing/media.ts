import { createHash } from 'node:crypto';
import { crc32, deflateSync } from 'node:zlib';
import type { StoredMedia } from '../result.js';

export function sha256Hex(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Content type from a file's magic bytes; `application/octet-stream` when they are unknown. */
export function sniffContentType(data: Uint8Array): string {
  const head = Buffer.from(data.buffer, data.byteOffset, Math.min(data.byteLength, 16)).toString('latin1');
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (head.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (head.startsWith('GIF8')) return 'image/gif';
  if (head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP') return 'image/webp';
  if (head.slice(4, 12) === 'ftypavif') return 'image/avif';
  if (head.slice(4, 8) === 'ftyp') return 'video/mp4';
  if (head.startsWith('\x1aE\xdf\xa3')) return 'video/webm';
  return 'application/octet-stream';
}

function pngChunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(data.length, 0);
  body.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return chunk;
}

/** A valid grey PNG of the given size in pixels. */
export function pngOf(width: number, height: number): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // 8 bits per sample, greyscale; the remaining bytes (compression, filter, interlace) are zero.
  header[8] = 8;
  const rows = Buffer.alloc((width + 1) * height, 0x80);
  // Each row starts with its filter type, 0 for none.
  for (let row = 0; row < height; row += 1) rows[row * (width + 1)] = 0;
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  const file = Buffer.concat([
    signature,
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(rows)),
    pngChunk('IEND', new Uint8Array()),
  ]);
  return new Uint8Array(file);
}

export const PNG_1X1: Uint8Array = pngOf(1, 1);

/** The store of one test call: bytes by their SHA-256. */
export class MediaMemory {
  private readonly files = new Map<string, Uint8Array>();

  put(data: Uint8Array): StoredMedia {
    const sha256 = sha256Hex(data);
    this.files.set(sha256, data);
    return { kind: 'litegen.stored-media', sha256, bytes: data.byteLength, contentType: sniffContentType(data) };
  }

  read(stored: StoredMedia): Uint8Array {
    const data = this.files.get(stored.sha256);
    if (data === undefined) throw new Error(`this call stored no file with sha256 ${stored.sha256}`);
    return data;
  }
}
