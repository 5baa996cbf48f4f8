import { Global, Module } from '@nestjs/common';
import { Clock } from '../../platform/common/index.js';
import { CONFIG, type Config, ConfigError } from '../../platform/config/index.js';
import { AssetsRepository } from './assets.repository.js';
import { BlobStore, StorageHealth } from './blob-store.js';
import { EgressReferenceFetcher } from './egress-reference-fetcher.js';
import { LinkSigner } from './links.js';
import { LocalBlobStore, prepareTemporaryDirectory, temporaryDirectory } from './local-blob-store.js';
import { MediaProbe } from './media-probe.service.js';
import { ReferenceFetcher } from './reference-fetcher.port.js';
import { ReferenceIngestion } from './reference-ingestion.js';
import { S3BlobStore } from './s3-blob-store.js';

/** Makes the store that the settings name, and its directories. */
export async function openBlobStore({ storage }: Pick<Config, 'storage'>, nowMs: number): Promise<BlobStore> {
  if (storage.backend === 'local') {
    const store = new LocalBlobStore(storage.path);
    await store.prepare(nowMs);
    return store;
  }
  if (storage.s3 === undefined) throw new ConfigError(['storage.s3: needed, because storage.backend is s3']);
  const temporary = temporaryDirectory(storage.path);
  await prepareTemporaryDirectory(temporary, nowMs);
  return S3BlobStore.open(storage.s3, storage.path_prefix, temporary);
}

/** Where files are kept, which generation they belong to, and how they are read and taken in. */
@Global()
@Module({
  providers: [
    { provide: BlobStore, inject: [CONFIG, Clock], useFactory: (config: Config, clock: Clock) => openBlobStore(config, clock.nowMs()) },
    StorageHealth,
    AssetsRepository,
    LinkSigner,
    { provide: ReferenceFetcher, useClass: EgressReferenceFetcher },
    ReferenceIngestion,
    MediaProbe,
  ],
  exports: [BlobStore, StorageHealth, AssetsRepository, LinkSigner, MediaProbe, ReferenceIngestion],
})
export class StorageModule {}
