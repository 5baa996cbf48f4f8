import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { ApiError, type Availability } from '../../platform/common/index.js';
import { Database } from '../../platform/database/index.js';
import { BlobStore } from './blob-store.port.js';

const RETRY_AFTER_SECONDS = 5;

/**
 * Whether what a vendor delivers could be kept: files in the store, rows in the database. While it could not, no vendor is called. The
 * errors of writes are what says that something is away, and each finds out by itself when it is back.
 */
@Injectable()
export class StorageHealth implements OnApplicationShutdown {
  private readonly parts: readonly Availability[];

  constructor(blobs: BlobStore, database: Database) {
    this.parts = [blobs.health, database.room];
  }

  get isAvailable(): boolean {
    return this.parts.every(({ reason }) => reason === undefined);
  }

  /** One sentence for each part that is away, fit for anybody's eyes. */
  get reasons(): string[] {
    return this.parts.flatMap(({ name, reason }) => (reason === undefined ? [] : [`${name} cannot be written to (${reason}).`]));
  }

  /** Looks where that costs little. */
  async look(): Promise<void> {
    await Promise.all(this.parts.map((part) => part.look()));
  }

  /** To be asked before a vendor is. @throws ApiError `storage_unavailable` */
  async assertAvailable(): Promise<void> {
    await this.look();
    if (this.isAvailable) return;
    throw new ApiError('storage_unavailable', `${this.reasons.join(' ')} Nothing was sent to a vendor.`, {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });
  }

  /** After the time that running work is given. */
  onApplicationShutdown(): void {
    for (const part of this.parts) part.stop();
  }
}
