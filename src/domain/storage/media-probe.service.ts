import { Injectable } from '@nestjs/common';
import { BlobStore, type MediaFacts, type StoredBlob } from './blob-store.js';
import { probeMedia } from './media-probe.js';

/** Facts about files that are already in the store. */
@Injectable()
export class MediaProbe {
  constructor(private readonly store: BlobStore) {}

  /**
   * Size and duration of a video. Costs nothing when its writer's own finding is at hand, and otherwise one to three small reads.
   * @throws ApiError `not_found`, `storage_unavailable`
   */
  async video(blob: Pick<StoredBlob, 'sha256' | 'bytes'> & Partial<MediaFacts>): Promise<MediaFacts> {
    const { contentType, width, height, durationMs } = blob;
    if (contentType !== undefined && durationMs !== undefined) return { contentType, width, height, durationMs };
    return probeStored(this.store, blob);
  }
}

/** What is to be known of a file in the store. @throws ApiError `not_found`, `storage_unavailable` */
export function probeStored(store: BlobStore, blob: Pick<StoredBlob, 'sha256' | 'bytes'>): Promise<MediaFacts> {
  return probeMedia({ bytes: blob.bytes, read: (position, length) => readAt(store, blob, position, length) });
}

async function readAt(
  store: BlobStore,
  { sha256, bytes }: Pick<StoredBlob, 'sha256' | 'bytes'>,
  position: number,
  length: number,
): Promise<Buffer> {
  const end = Math.min(position + length, bytes) - 1;
  if (end < position) return Buffer.alloc(0);
  const parts: Buffer[] = [];
  for await (const part of await store.read(sha256, { start: position, end })) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
