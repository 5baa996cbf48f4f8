import type { JsonBody, MediaText } from '@litegen/plugin-sdk';
import { randomHex } from '../../../platform/common/index.js';
import type { BlobStore } from '../../storage/index.js';
import type { EncodedBody } from './encoded-body.js';
import { isMediaText, mediaTextLength, streamMediaText } from './media-text.js';

const CONTENT_TYPE = 'application/json';

async function* stream(parts: readonly (Buffer | MediaText)[], store: BlobStore): AsyncGenerator<Uint8Array, void> {
  for (const part of parts) {
    if (Buffer.isBuffer(part)) yield part;
    else yield* streamMediaText(part, store);
  }
}

/** JSON with every {@link MediaText} written out while it is sent; nothing of a file is held in memory. */
export function encodeJson(value: JsonBody, store: BlobStore): EncodedBody {
  const media: MediaText[] = [];
  // The places of media are marked by a text that nobody outside can know.
  let mark = '';
  const text = JSON.stringify(value, (_key, item: unknown) => {
    if (!isMediaText(item)) return item;
    if (mark === '') mark = `media-${randomHex()}`;
    media.push(item);
    return mark;
  });
  if (media.length === 0) {
    const data = Buffer.from(text);
    return { contentType: CONTENT_TYPE, bytes: data.length, data };
  }
  const texts = text.split(mark).map((part) => Buffer.from(part));
  const parts = texts.flatMap((part, index) => {
    const following = media[index];
    return following === undefined ? [part] : [part, following];
  });
  const bytes = parts.reduce((sum, part) => sum + (Buffer.isBuffer(part) ? part.length : mediaTextLength(part)), 0);
  return { contentType: CONTENT_TYPE, bytes, data: stream(parts, store) };
}
