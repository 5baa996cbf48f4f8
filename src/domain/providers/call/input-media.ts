import type { InputMedia } from '@litegen/plugin-sdk';
import type { BlobStore, StoredBlob } from '../../storage/index.js';

export interface InputMediaSource {
  readonly role: string;
  readonly blob: StoredBlob;
  /** The URL that the caller named. */
  readonly sourceUrl?: string;
  /** Makes a signed link to the stored copy; absent when the gateway has no public address. */
  readonly publicUrl?: () => string | undefined;
}

/** A stored input file as a plugin sees it. */
export function createInputMedia(store: BlobStore, source: InputMediaSource): InputMedia {
  const { role, blob, sourceUrl, publicUrl } = source;
  const media: InputMedia = {
    role,
    contentType: blob.contentType,
    bytes: blob.bytes,
    sha256: blob.sha256,
    ...(blob.width === undefined ? {} : { width: blob.width }),
    ...(blob.height === undefined ? {} : { height: blob.height }),
    ...(sourceUrl === undefined ? {} : { sourceUrl }),
    publicUrl: () => publicUrl?.(),
    base64: () => ({ kind: 'litegen.media-text', form: 'base64', media }),
    dataUrl: () => ({ kind: 'litegen.media-text', form: 'data_url', media }),
    read: () => store.readAll(blob.sha256),
  };
  return media;
}
