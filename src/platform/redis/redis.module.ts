import { Global, Module } from '@nestjs/common';
import { Redis } from './redis.service.js';

/** What replicas share and may lose. */
@Global()
@Module({ providers: [Redis], exports: [Redis] })
export class RedisModule {}
