export { type AssetDirection, AssetEntity } from './asset.entity.js';
export { AssetsRepository } from './assets.repository.js';
export {
  type BlobPlace,
  BlobStore,
  type BlobWriter,
  type ByteRange,
  type HeldBlob,
  type ListedBlob,
  type MediaFacts,
  type StoredBlob,
} from './blob-store.port.js';
export { type LinkOptions, type LinkQuery, LinkSigner } from './links.js';
export { MediaProbe, probeStored } from './media-probe.service.js';
export { extensionOf, sniffContentType } from './media-type.js';
export { type FetchedReference, ReferenceFetcher, type ReferenceFetchOptions } from './reference-fetcher.port.js';
export {
  type HeldReference,
  type IngestedReference,
  type IngestLimits,
  ReferenceIngestion,
  type ReferenceSource,
} from './reference-ingestion.js';
export { openBlobStore, StorageModule } from './storage.module.js';
export { StorageHealth } from './storage-health.js';
