import { Module } from '@nestjs/common';
import { CacheService } from './cache.service.js';
import { CacheEntriesRepository } from './cache-entries.repository.js';
import { ResultCache } from './result-cache.service.js';

/** Results that may be given again. */
@Module({
  providers: [CacheEntriesRepository, CacheService, ResultCache],
  exports: [CacheEntriesRepository, CacheService, ResultCache],
})
export class CacheModule {}
