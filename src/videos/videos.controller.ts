import { Controller, Delete, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiOperation, ApiProduces, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Scoped } from '../auth/index.js';
import { ApiErrors } from '../common/index.js';
import { ApiGenerationHeaders, CostEstimate } from '../doors/index.js';
import { ListVideosQuery, VideoGenerationRequest } from './dto/video-request.dto.js';
import { VideoDeleteResponse, VideoGenerationResponse, VideoListResponse } from './dto/video-response.dto.js';
import { VideoCommands } from './video-command.service.js';
import { VIDEO_BODY } from './videos.openapi.js';
import { VideosService } from './videos.service.js';

const DRY_RUN = {
  name: 'dryRun',
  required: false,
  type: Boolean,
  description: 'True: answers the price and the receipt; nothing is generated.',
};
const FAILURES = [400, 401, 402, 403, 404, 409, 413, 415, 424, 429, 502, 503, 504] as const;
const CREATED = { status: 200, type: VideoGenerationResponse, description: 'The vendor took it. With `dryRun` a CostEstimate instead.' };
const ACCEPTED = { status: 202, type: VideoGenerationResponse, description: 'Still running when the preferred wait was over.' };
const LIFE =
  'The answer comes when the vendor has taken or refused the job, after 10 seconds at the latest, so that a refusal is an HTTP error. ' +
  '`Prefer: respond-async` answers 202 at once, `Prefer: wait=N` waits for the end, N seconds at the latest.';

@ApiTags('Videos')
@ApiExtraModels(VideoGenerationRequest, CostEstimate)
@Controller('v1/videos')
export class VideosController {
  constructor(
    private readonly commands: VideoCommands,
    private readonly videos: VideosService,
  ) {}

  @Post()
  @HttpCode(200)
  @Scoped('generate')
  @ApiOperation({
    summary: 'Create a video (OpenAI)',
    description: `${LIFE} The states of the video have OpenAI’s names.`,
    requestBody: VIDEO_BODY,
  })
  @ApiQuery(DRY_RUN)
  @ApiGenerationHeaders()
  @ApiResponse(CREATED)
  @ApiResponse(ACCEPTED)
  @ApiErrors(...FAILURES)
  async createVideo(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.videos.run(await this.commands.read(request, 'openai'), request, reply);
  }

  @Post('generations')
  @HttpCode(200)
  @Scoped('generate')
  @ApiOperation({
    summary: 'Generate a video (LiteGen)',
    description: `${LIFE} The states of the video have LiteGen’s names.`,
    requestBody: VIDEO_BODY,
  })
  @ApiQuery(DRY_RUN)
  @ApiGenerationHeaders()
  @ApiResponse(CREATED)
  @ApiResponse(ACCEPTED)
  @ApiErrors(...FAILURES)
  async generateVideo(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.videos.run(await this.commands.read(request, 'litegen'), request, reply);
  }

  @Post('cost')
  @HttpCode(200)
  @Scoped('generate')
  @ApiOperation({
    summary: 'Price a video request',
    description: 'Takes what a generation takes, checks it in full, and answers the price and the receipt. References are not fetched.',
    requestBody: VIDEO_BODY,
  })
  @ApiResponse({ status: 200, type: CostEstimate, description: 'The price.' })
  @ApiErrors(400, 401, 403, 404, 413, 415, 424)
  async estimateVideoCost(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.videos.estimate(await this.commands.read(request, 'litegen'), reply);
  }

  @Get()
  @Scoped('generate')
  @ApiOperation({ summary: 'List videos', description: 'Those of the caller’s application. The states have OpenAI’s names.' })
  @ApiOkResponse({ type: VideoListResponse, description: 'A page.' })
  @ApiErrors(400, 401, 403, 404)
  listVideos(@Req() request: FastifyRequest, @Query() query: ListVideosQuery): Promise<VideoListResponse> {
    return this.videos.list(query, request);
  }

  @Get(':id')
  @Scoped('generate')
  @ApiOperation({
    summary: 'Get a video',
    description: 'While it runs, the header `openai-poll-after-ms` says when it is worth asking again.',
  })
  @ApiOkResponse({ type: VideoGenerationResponse, description: 'How it stands.' })
  @ApiErrors(401, 403, 404)
  async getVideo(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    await this.videos.get(id, request, reply);
  }

  @Get(':id/content')
  @Scoped('generate')
  @ApiOperation({ summary: 'Download a video', description: 'The finished file, whole or a byte range.' })
  @ApiQuery({ name: 'variant', required: false, enum: ['video'] })
  @ApiProduces('video/mp4')
  @ApiOkResponse({ schema: { type: 'string', format: 'binary' }, description: 'The file.' })
  @ApiErrors(400, 401, 403, 404, 409, 416)
  async getVideoContent(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    await this.videos.content(id, request, reply);
  }

  @Delete(':id')
  @Scoped('generate')
  @ApiOperation({
    summary: 'Delete a video',
    description: 'One that still runs is cancelled first; 409 when its vendor does not confirm that.',
  })
  @ApiOkResponse({ type: VideoDeleteResponse, description: 'It is gone.' })
  @ApiErrors(401, 403, 404, 409)
  deleteVideo(@Req() request: FastifyRequest, @Param('id') id: string): Promise<VideoDeleteResponse> {
    return this.videos.remove(id, request);
  }
}
