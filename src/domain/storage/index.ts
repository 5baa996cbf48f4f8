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
  StorageHealth,
  type StoredBlob,
} from './blob-store.js';
export { type LinkOptions, type LinkQuery, LinkSigner } from './links.js';
export { extensionOf, sniffContentType } from './media-probe.js';
export { MediaProbe, probeStored } from './media-probe.service.js';
export { type FetchedReference, ReferenceFetcher, type ReferenceFetchOptions } from './reference-fetcher.port.js';
export {
  type HeldReference,
  type IngestedReference,
  type IngestLimits,
  ReferenceIngestion,
  type ReferenceSource,
} from './reference-ingestion.js';
export { openBlobStore, StorageModule } from './storage.module.js';
