export { type AssetDirection, AssetEntity } from './asset.entity.js';
export { AssetsRepository } from './assets.repository.js';
export { BlobStore, type BlobWriter, type ByteRange, type MediaFacts, type StoredBlob } from './blob-store.port.js';
export { type LinkOptions, LinkSigner } from './links.js';
export { probeBlob } from './media-probe.js';
export { extensionOf, sniffContentType } from './media-type.js';
export { type SendBlobOptions, sendBlob } from './send-blob.js';
export { openBlobStore, StorageModule } from './storage.module.js';
