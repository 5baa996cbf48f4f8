import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Scoped } from '../auth/index.js';
import { ApiErrors } from '../common/index.js';
import { ProviderCatalogEntry } from './dto/provider.dto.js';
import { ModelsService } from './models.service.js';

@ApiTags('Models')
@Controller('v1/providers')
export class ProvidersController {
  constructor(private readonly models: ModelsService) {}

  @Get()
  @Scoped('read')
  @ApiOperation({
    summary: 'List providers',
    description: 'Every vendor there is a plugin for, what it lacks, and the plugins that could not be used with the reasons.',
  })
  @ApiOkResponse({ type: [ProviderCatalogEntry] })
  @ApiErrors(401, 403)
  listProviders(): ProviderCatalogEntry[] {
    return this.models.providers();
  }
}
