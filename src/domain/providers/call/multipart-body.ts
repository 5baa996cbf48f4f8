import { randomBytes } from 'node:crypto';
import type { InputMedia, MultipartPart } from '@litegen/plugin-sdk';
import type { BlobStore } from '../../storage/index.js';
import type { EncodedBody } from './encoded-body.js';
import { isInputMedia } from './media-text.js';

/** As browsers write names into `Content-Disposition` (HTML Standard, multipart/form-data). */
function quoted(name: string): string {
  return `"${name.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22')}"`;
}

/** `png` of `image/png`; what follows in `svg+xml` is left out. */
function extensionOf(contentType: string): string {
  return /^[^/]+\/([a-z0-9]+)/i.exec(contentType)?.[1] ?? 'bin';
}

function headOf(part: MultipartPart, media: InputMedia | undefined): string {
  const { name, value, filename, contentType } = part;
  const disposition = `Content-Disposition: form-data; name=${quoted(name)}`;
  if (typeof value === 'string' && filename === undefined && contentType === undefined) return `${disposition}\r\n\r\n`;
  const type = contentType ?? media?.contentType ?? (typeof value === 'string' ? 'text/plain' : 'application/octet-stream');
  const file = filename ?? `${media?.role ?? name}.${extensionOf(type)}`;
  return `${disposition}; filename=${quoted(file)}\r\nContent-Type: ${type.replace(/[\r\n]/g, '')}\r\n\r\n`;
}

async function* stream(pieces: readonly (Buffer | InputMedia)[], store: BlobStore): AsyncGenerator<Uint8Array, void> {
  for (const piece of pieces) {
    if (Buffer.isBuffer(piece)) yield piece;
    else yield* (await store.read(piece.sha256)) as AsyncIterable<Buffer>;
  }
}

/** A form (RFC 7578) whose files are read while it is sent. */
export function encodeMultipart(parts: readonly MultipartPart[], store: BlobStore): EncodedBody {
  const boundary = `litegen-${randomBytes(16).toString('hex')}`;
  const pieces: (Buffer | InputMedia)[] = [];
  for (const part of parts) {
    const media = isInputMedia(part.value) ? part.value : undefined;
    pieces.push(Buffer.from(`--${boundary}\r\n${headOf(part, media)}`));
    if (media !== undefined) pieces.push(media);
    else pieces.push(Buffer.from(part.value as string | Uint8Array));
    pieces.push(Buffer.from('\r\n'));
  }
  pieces.push(Buffer.from(`--${boundary}--\r\n`));
  const bytes = pieces.reduce((sum, piece) => sum + (Buffer.isBuffer(piece) ? piece.length : piece.bytes), 0);
  return { contentType: `multipart/form-data; boundary=${boundary}`, bytes, data: stream(pieces, store) };
}
