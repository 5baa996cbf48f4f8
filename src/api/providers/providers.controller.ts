import { Controller, Get, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { principalOf, Scoped } from '../../domain/access/index.js';
import { ApiOkResponse, ApiOperation, ApiTags } from '../../platform/openapi/index.js';
import { ProviderCatalogEntry } from './dto/provider.dto.js';
import { ProvidersService } from './providers.service.js';

@ApiTags('Models')
@Controller('v1/providers')
export class ProvidersController {
  constructor(private readonly providers: ProvidersService) {}

  @Get()
  @Scoped('read')
  @ApiOperation({
    summary: 'List providers',
    description:
      'Every vendor there is a plugin for, what it lacks, and the plugins that could not be used with the reasons. A key whose models are ' +
      'limited sees the vendors of those alone.',
  })
  @ApiOkResponse({ type: [ProviderCatalogEntry] })
  listProviders(@Req() request: FastifyRequest): ProviderCatalogEntry[] {
    return this.providers.list(principalOf(request));
  }
}
