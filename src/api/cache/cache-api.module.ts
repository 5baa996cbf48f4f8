import { Module } from '@nestjs/common';
import { CacheModule } from '../../policy/cache/index.js';
import { CacheController } from './cache.controller.js';

/** The HTTP API of the cache. */
@Module({ imports: [CacheModule], controllers: [CacheController] })
export class CacheApiModule {}
