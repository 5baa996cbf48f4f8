export * from './cache.module.js';
export { CacheService, cacheKeyOf, readCacheDirectives } from './cache.service.js';
export * from './cache.types.js';
export * from './cache-entries.repository.js';
export { ResultCache } from './result-cache.service.js';
