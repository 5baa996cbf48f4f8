import { Controller, Delete, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { principalOf, Scoped } from '../../domain/access/index.js';
import { ApiOkResponse, ApiOperation, ApiTags } from '../../platform/openapi/index.js';
import { CacheService } from '../../policy/cache/index.js';
import { ClearCacheResponse } from './dto/clear-cache.dto.js';

@ApiTags('Cache')
@Controller('v1/cache')
export class CacheController {
  constructor(private readonly cache: CacheService) {}

  @Delete()
  @Scoped('admin')
  @ApiOperation({
    summary: 'Clear the cache',
    description: 'Of the caller’s application, on every replica. What is just being made is not kept either. Generations and files stay.',
  })
  @ApiOkResponse({ type: ClearCacheResponse })
  async clearCache(@Req() request: FastifyRequest): Promise<ClearCacheResponse> {
    await this.cache.clear(principalOf(request));
    return { cleared: true };
  }
}
