import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public, principalOf, Scoped } from '../../domain/access/index.js';
import { ApiOkResponse, ApiOperation, ApiResponse, ApiTags } from '../../platform/openapi/index.js';
import { HealthResponse, LivenessResponse, ReadinessResponse } from './dto/health.dto.js';
import { HealthService } from './health.service.js';

@ApiTags('Health')
@Controller('health')
export class HealthController {
  constructor(private readonly service: HealthService) {}

  @Get()
  @Scoped('read')
  @ApiOperation({
    summary: 'How the vendors have been',
    description: 'The outcome of the last call of this application to each configured provider. Calls no vendor.',
  })
  @ApiOkResponse({ type: HealthResponse })
  @ApiResponse({ status: 503, type: HealthResponse, description: 'The last call to some provider failed.' })
  async getHealth(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<HealthResponse> {
    const health = await this.service.health(principalOf(request));
    if (health.status === 'degraded') reply.code(503);
    return health;
  }

  @Get('live')
  @Public()
  @ApiOperation({ summary: 'Whether the process runs' })
  @ApiOkResponse({ type: LivenessResponse })
  getLiveness(): LivenessResponse {
    return { status: 'alive' };
  }

  @Get('ready')
  @Public()
  @ApiOperation({ summary: 'Whether the process should get requests', description: '503 from the first moment of a shutdown on.' })
  @ApiOkResponse({ type: ReadinessResponse })
  @ApiResponse({ status: 503, type: ReadinessResponse, description: 'Not now; `checks` says why.' })
  async getReadiness(@Res({ passthrough: true }) reply: FastifyReply): Promise<ReadinessResponse> {
    const readiness = await this.service.readiness();
    if (readiness.status === 'not_ready') reply.code(503);
    return readiness;
  }
}
