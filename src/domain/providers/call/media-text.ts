import type { InputMedia, MediaText } from '@litegen/plugin-sdk';
import type { BlobStore } from '../../storage/index.js';

/** Bytes read at once from the store, a multiple of three so that only the end is padded. */
const GROUP = 3;

export function isMediaText(value: unknown): value is MediaText {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'litegen.media-text';
}

export function isInputMedia(value: unknown): value is InputMedia {
  return typeof value === 'object' && value !== null && 'sha256' in value && 'base64' in value;
}

const prefixOf = ({ form, media }: MediaText): string => (form === 'data_url' ? `data:${media.contentType};base64,` : '');

/** How many characters, all of them ASCII, {@link streamMediaText} writes. */
export function mediaTextLength(text: MediaText): number {
  return Buffer.byteLength(prefixOf(text)) + Math.ceil(text.media.bytes / GROUP) * 4;
}

/** The base64 text of an input, encoded while it is read. */
export async function* streamMediaText(text: MediaText, store: BlobStore): AsyncGenerator<Buffer, void> {
  const prefix = prefixOf(text);
  if (prefix !== '') yield Buffer.from(prefix);
  let carry: Buffer = Buffer.alloc(0);
  for await (const chunk of (await store.read(text.media.sha256)) as AsyncIterable<Buffer>) {
    const data: Buffer = carry.length === 0 ? chunk : Buffer.concat([carry, chunk]);
    const whole = data.length - (data.length % GROUP);
    if (whole > 0) yield Buffer.from(data.toString('base64', 0, whole), 'latin1');
    carry = data.subarray(whole);
  }
  if (carry.length > 0) yield Buffer.from(carry.toString('base64'), 'latin1');
}
