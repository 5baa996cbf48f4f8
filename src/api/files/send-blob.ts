import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type AssetEntity, type BlobStore, extensionOf } from '../../domain/storage/index.js';
import { matchesETag, parseByteRange } from './byte-range.js';

/** Types that a browser shows without running anything that they may contain. All others are saved. */
const SHOWN = /^(image\/(png|jpeg|webp|gif|avif|bmp)|video\/(mp4|quicktime|webm)|audio\/(mpeg|wav|ogg))$/;

export interface SendBlobOptions {
  /** Whether the browser shall save the file. Default false; a file that could carry script is always saved. */
  readonly download?: boolean;
  /** How long a private cache may keep the answer. Default 0: it asks each time, and gets 304. */
  readonly maxAgeSeconds?: number;
}

/**
 * Answers a GET or HEAD with a stored file: whole or one byte range, or 304. The bytes are streamed as fast as the client takes
 * them; when it goes away the file is closed.
 * @throws ApiError `range_not_satisfiable`, `not_found` when the bytes are gone, `storage_unavailable`.
 */
export async function sendBlob(
  store: BlobStore,
  request: FastifyRequest,
  reply: FastifyReply,
  asset: Pick<AssetEntity, 'id' | 'sha256' | 'contentType' | 'bytes'>,
  options: SendBlobOptions = {},
): Promise<void> {
  const etag = `"${asset.sha256}"`;
  const show = SHOWN.test(asset.contentType) && options.download !== true;
  const headers = {
    etag,
    'accept-ranges': 'bytes',
    'cache-control': options.maxAgeSeconds ? `private, max-age=${Math.floor(options.maxAgeSeconds)}, immutable` : 'private, no-cache',
    'content-disposition': `${show ? 'inline' : 'attachment'}; filename="${asset.id}.${extensionOf(asset.contentType)}"`,
    'x-content-type-options': 'nosniff',
    // Whatever the file is, opened as a page it can neither run script nor reach the gateway's origin.
    'content-security-policy': "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'; sandbox",
    'cross-origin-resource-policy': 'cross-origin',
  };
  if (matchesETag(header(request, 'if-none-match'), etag)) {
    await reply.code(304).headers(headers).send();
    return;
  }
  const ifRange = header(request, 'if-range');
  const range = ifRange === undefined || ifRange === etag ? parseByteRange(header(request, 'range'), asset.bytes) : undefined;
  const length = range === undefined ? asset.bytes : range.end - range.start + 1;
  if (request.method === 'HEAD') {
    // A range means nothing to a HEAD (RFC 9110, section 14.2). Fastify leaves the length of a stream alone, and no other's.
    await reply.headers(headers).type(asset.contentType).header('content-length', asset.bytes).send(Readable.from([]));
    return;
  }
  const body = await store.read(asset.sha256, range);
  if (reply.raw.destroyed) {
    body.destroy();
    return;
  }
  reply
    .code(range === undefined ? 200 : 206)
    .headers(headers)
    .type(asset.contentType)
    .header('content-length', length);
  if (range !== undefined) reply.header('content-range', `bytes ${range.start}-${range.end}/${asset.bytes}`);
  await reply.send(body);
}

function header(request: FastifyRequest, name: 'if-none-match' | 'if-range' | 'range'): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
