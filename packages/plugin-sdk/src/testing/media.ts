import { createHash } from 'node:crypto';
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
