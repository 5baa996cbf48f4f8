import { Body, Controller, Get, Headers, Param, Patch, Query, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { principalOf, Scoped, type Tenant } from '../auth/index.js';
import { ApiError, ApiErrors, pageInfo, parsePrefer } from '../common/index.js';
import { LinkSigner } from '../storage/index.js';
import { GenerationDetail, GenerationListResponse } from './dto/generation.dto.js';
import { ListGenerationsQuery, PatchGenerationRequest } from './dto/generation-query.dto.js';
import { isTerminal } from './generation.types.js';
import { generationHeaders } from './generation-headers.js';
import { linkerFor, toGeneration, toGenerationDetail } from './generation-response.js';
import { GenerationsQueries, type GenerationView } from './generations.queries.js';
import { GenerationsService } from './generations.service.js';

/** A connection is not held longer; whoever wants more asks again. */
const LONGEST_WAIT_SECONDS = 120;
const MS_PER_SECOND = 1000;

@ApiTags('Generations')
@Controller('v1/generations')
export class GenerationsController {
  constructor(
    private readonly generations: GenerationsService,
    private readonly queries: GenerationsQueries,
    private readonly links: LinkSigner,
  ) {}

  @Get()
  @Scoped('read')
  @ApiOperation({ summary: 'List generations', description: 'Images and videos of the caller’s application, newest first.' })
  @ApiOkResponse({ type: GenerationListResponse })
  @ApiErrors(400, 401, 403)
  async listGenerations(@Req() request: FastifyRequest, @Query() query: ListGenerationsQuery): Promise<GenerationListResponse> {
    const { page, per_page: perPage, media_type: mediaType, ...filter } = query;
    const { total, generations } = await this.queries.page(principalOf(request), { ...filter, mediaType }, { page, perPage });
    const link = linkerFor(this.links, request);
    const views = await this.queries.withDetails(generations);
    return { data: views.map((view) => toGeneration(view, link)), ...pageInfo(query, total) };
  }

  @Get(':id')
  @Scoped('read')
  @ApiOperation({
    summary: 'Get a generation',
    description: 'With `Prefer: wait=N` the answer comes when the generation has ended, or after N seconds.',
  })
  @ApiHeader({
    name: 'prefer',
    required: false,
    description: `\`wait=N\`, seconds; at most ${LONGEST_WAIT_SECONDS}.`,
    schema: { type: 'string' },
  })
  @ApiOkResponse({ type: GenerationDetail })
  @ApiErrors(401, 403, 404)
  async getGeneration(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param('id') id: string,
    @Headers('prefer') prefer?: string,
  ): Promise<GenerationDetail> {
    const tenant = principalOf(request);
    const waitSeconds = Math.min(parsePrefer(prefer).waitSeconds ?? 0, LONGEST_WAIT_SECONDS);
    let view = await this.view(tenant, id);
    if (waitSeconds > 0) {
      reply.header('preference-applied', `wait=${waitSeconds}`);
      if (!isTerminal(view.generation.status)) {
        await this.generations.waitFor(tenant, id, waitSeconds * MS_PER_SECOND);
        view = await this.view(tenant, id);
      }
    }
    return this.detail(view, request, reply);
  }

  @Patch(':id')
  @Scoped('read')
  @ApiOperation({
    summary: 'Cancel a generation',
    description:
      'The status is `cancelled` only when the vendor confirmed it or was never asked. Otherwise the generation goes on with ' +
      '`cancel_requested_at` set, and costs what the vendor bills.',
  })
  @ApiOkResponse({ type: GenerationDetail })
  @ApiErrors(400, 401, 403, 404, 409)
  async patchGeneration(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Param('id') id: string,
    @Body() _change: PatchGenerationRequest,
  ): Promise<GenerationDetail> {
    const tenant = principalOf(request);
    await this.generations.cancel(tenant, id);
    return this.detail(await this.view(tenant, id), request, reply);
  }

  private async detail(view: GenerationView, request: FastifyRequest, reply: FastifyReply): Promise<GenerationDetail> {
    const remainingMicros = await this.generations.remainingFor(view.generation);
    reply.headers(generationHeaders(view, remainingMicros));
    return toGenerationDetail(view, linkerFor(this.links, request), remainingMicros);
  }

  private async view(tenant: Tenant, id: string): Promise<GenerationView> {
    const view = await this.queries.find(tenant, id);
    if (view === null) throw new ApiError('not_found', `There is no generation ${id}.`, { param: 'id' });
    return view;
  }
}
