export * from './cache.module.js';
export { cacheKeyOf, readCacheDirectives } from './cache.policy.js';
export { CacheService } from './cache.service.js';
export * from './cache.types.js';
export * from './cache-entries.repository.js';
export { ResultCache } from './result-cache.service.js';
