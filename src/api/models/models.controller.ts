import { Controller, Get, Param, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { principalOf, Scoped } from '../../domain/access/index.js';
import { ApiErrors } from '../../platform/common/index.js';
import { ApiExcludeEndpoint, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '../../platform/openapi/index.js';
import { ListModelsQuery, ModelListResponse, ModelSchema } from './dto/model.dto.js';
import { ModelsService } from './models.service.js';

@ApiTags('Models')
@Controller('v1/models')
export class ModelsController {
  constructor(private readonly models: ModelsService) {}

  @Get()
  @Scoped('read')
  @ApiOperation({
    summary: 'List models',
    description:
      'Those that this key can call now: their provider is configured, the key may use them, and they are not switched off. `retired_names` are names of switched-off models that one stands in for.',
  })
  @ApiOkResponse({ type: ModelListResponse })
  listModels(@Req() request: FastifyRequest, @Query() query: ListModelsQuery): ModelListResponse {
    return { object: 'list', data: this.models.list(principalOf(request), query) };
  }

  @Get(':id')
  @Scoped('read')
  @ApiOperation({
    summary: 'Get a model’s schema',
    description:
      'Of one that this key may use, also of a provider that is not configured. `Deprecation` and `Sunset` headers tell about the model’s end, and `X-Litegen-Successor` what to use, or what stands in for it.',
  })
  @ApiParam({ name: 'id', description: 'An id or an alias; its slashes may be sent as they are.', example: 'mock/paint' })
  @ApiOkResponse({ type: ModelSchema })
  @ApiErrors(404)
  getModelSchema(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply, @Param('id') id: string): ModelSchema {
    const { schema, headers } = this.models.describe(principalOf(request), id);
    reply.headers(headers);
    return schema;
  }

  /** Some clients send the slash of an id as it is. */
  @Get('*')
  @Scoped('read')
  @ApiExcludeEndpoint()
  getModelSchemaByPath(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param('*') id: string,
  ): ModelSchema {
    return this.getModelSchema(request, reply, id);
  }
}
