export { createInputMedia, type HostCall, type InputMediaSource, OutputFailure } from './call/index.js';
export type { PluginTask, StrayError } from './containment.js';
export { MediaDownloader, RETRY_DELAYS_MS } from './media-downloader.js';
export type { PluginRejection, PluginSource } from './plugin-manifest.js';
export type { LoadedProvider, ModelDirectory, ProviderCatalogEntry, ProviderField, RejectedPluginEntry } from './provider.types.js';
export { type ProviderCallInit, ProviderRegistry } from './provider-registry.js';
export { ProvidersModule } from './providers.module.js';
