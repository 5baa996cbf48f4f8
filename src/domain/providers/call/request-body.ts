import type { JsonBody, MultipartPart, VendorRequestInit } from '@litegen/plugin-sdk';
import type { BlobStore } from '../../storage/index.js';
import type { EncodedBody } from './encoded-body.js';
import { encodeJson } from './json-body.js';
import { encodeMultipart } from './multipart-body.js';

/** @throws TypeError when more than one kind of body is given. */
export function encodeBody(init: VendorRequestInit, store: BlobStore): EncodedBody | undefined {
  const given = [init.json, init.multipart, init.body].filter((body) => body !== undefined);
  if (given.length > 1) throw new TypeError('a request takes at most one of json, multipart and body');
  if (init.json !== undefined) return encodeJson(init.json as JsonBody, store);
  if (init.multipart !== undefined) return encodeMultipart(init.multipart as readonly MultipartPart[], store);
  if (init.body === undefined) return undefined;
  const data =
    typeof init.body === 'string' ? Buffer.from(init.body) : Buffer.from(init.body.buffer, init.body.byteOffset, init.body.byteLength);
  return { bytes: data.length, data };
}
