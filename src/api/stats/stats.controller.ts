import { Readable } from 'node:stream';
import { Controller, Get, Param, Query, Req, StreamableFile } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { OWN_WORK, principalOf, reachOf, Scoped } from '../../domain/access/index.js';
import { LinkSigner } from '../../domain/storage/index.js';
import { linkerFor } from '../../engine/generations/index.js';
import { ApiErrors } from '../../platform/common/index.js';
import { ApiExtraModels, ApiOkResponse, ApiOperation, ApiTags, getSchemaPath } from '../../platform/openapi/index.js';
import { ListLogsQuery, LogListResponse, RequestArtifact } from './dto/log.dto.js';
import { ProxyStats } from './dto/stats.dto.js';
import { LogsService } from './logs.service.js';
import { StatsService } from './stats.service.js';

@ApiTags('Dashboard')
@Controller('v1')
export class StatsController {
  constructor(
    private readonly stats: StatsService,
    private readonly logs: LogsService,
    private readonly links: LinkSigner,
  ) {}

  @Get('stats')
  @Scoped('read')
  @ApiOperation({
    summary: 'Figures of this application',
    description: 'Requests, money and latency of all its keys together; only models that the caller’s key may use are named.',
  })
  @ApiOkResponse({ type: ProxyStats })
  getStats(@Req() request: FastifyRequest): Promise<ProxyStats> {
    return this.stats.stats(principalOf(request));
  }

  @Get('logs')
  @Scoped('read')
  @ApiOperation({ summary: 'List logs', description: `One per generation, newest first; as JSON pages or as one CSV file. ${OWN_WORK}` })
  @ApiExtraModels(LogListResponse)
  @ApiOkResponse({
    description: 'A page, or the file.',
    content: {
      'application/json': { schema: { $ref: getSchemaPath(LogListResponse) } },
      'text/csv': { schema: { type: 'string' } },
    },
  })
  listLogs(@Req() request: FastifyRequest, @Query() query: ListLogsQuery): Promise<LogListResponse> | StreamableFile {
    const reach = reachOf(principalOf(request));
    if (query.format !== 'csv') return this.logs.page(reach, query);
    return new StreamableFile(Readable.from(this.logs.csv(reach, query), { objectMode: false }), {
      type: 'text/csv; charset=utf-8',
      disposition: `attachment; filename="${this.logs.csvName()}"`,
    });
  }

  @Get('logs/:id/artifact')
  @Scoped('read')
  @ApiOperation({ summary: 'Get what went into a request and what came out' })
  @ApiOkResponse({ type: RequestArtifact })
  @ApiErrors(404)
  getLogArtifact(@Req() request: FastifyRequest, @Param('id') id: string): Promise<RequestArtifact> {
    return this.logs.artifact(reachOf(principalOf(request)), id, linkerFor(this.links, request));
  }
}
