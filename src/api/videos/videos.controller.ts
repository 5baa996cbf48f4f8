import { Controller, Delete, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { OWN_WORK, Scoped } from '../../domain/access/index.js';
import { GENERATION_HEADERS } from '../../engine/generations/index.js';
import { ApiErrors } from '../../platform/common/index.js';
import { ApiExtraModels, ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '../../platform/openapi/index.js';
import { ApiFileAnswers } from '../files/index.js';
import { ApiEstimateAnswers, ApiGenerationAnswers, ApiGenerationHeaders, POLL_AFTER } from '../shared/index.js';
import { ListVideosQuery, VideoGenerationRequest, VideoRemixRequest } from './dto/video-request.dto.js';
import { VideoDeleteResponse, VideoGenerationResponse, VideoListResponse } from './dto/video-response.dto.js';
import { VideoCommands } from './video-command.service.js';
import { REMIX_BODY, VIDEO_BODY } from './videos.openapi.js';
import { VideosService } from './videos.service.js';

const ANSWERS = {
  answer: VideoGenerationResponse,
  description: 'The vendor took it.',
  pending: { type: VideoGenerationResponse, description: 'Still running when the preferred wait was over.' },
};
const LIFE =
  'The answer comes when the vendor has taken or refused the job, after 10 seconds at the latest, so that a refusal is an HTTP error. ' +
  '`Prefer: respond-async` answers 202 at once, `Prefer: wait=N` waits for the end, N seconds at the latest.';

@ApiTags('Videos')
@ApiExtraModels(VideoGenerationRequest, VideoRemixRequest)
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
  @ApiGenerationHeaders()
  @ApiGenerationAnswers(ANSWERS)
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
  @ApiGenerationHeaders()
  @ApiGenerationAnswers(ANSWERS)
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
  @ApiEstimateAnswers()
  async estimateVideoCost(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.videos.estimate(await this.commands.read(request, 'litegen'), reply);
  }

  @Get()
  @Scoped('generate')
  @ApiOperation({ summary: 'List videos', description: `${OWN_WORK} The states have OpenAI’s names.` })
  @ApiOkResponse({ type: VideoListResponse, description: 'A page.' })
  @ApiErrors(404)
  listVideos(@Req() request: FastifyRequest, @Query() query: ListVideosQuery): Promise<VideoListResponse> {
    return this.videos.list(query, request);
  }

  @Get(':id')
  @Scoped('generate')
  @ApiOperation({
    summary: 'Get a video',
    description: `While it runs, the header \`openai-poll-after-ms\` says when it is worth asking again. ${OWN_WORK}`,
  })
  @ApiOkResponse({ type: VideoGenerationResponse, description: 'How it stands.', headers: { ...GENERATION_HEADERS, ...POLL_AFTER } })
  @ApiErrors(404)
  async getVideo(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    await this.videos.get(id, request, reply);
  }

  @Get(':id/content')
  @Scoped('generate')
  @ApiOperation({
    summary: 'Download a video',
    description: 'The finished file, whole or a byte range. No model makes a `thumbnail` or a `spritesheet`.',
  })
  @ApiQuery({ name: 'variant', required: false, enum: ['video'] })
  @ApiFileAnswers()
  @ApiErrors(409, 502, 504)
  async getVideoContent(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    await this.videos.content(id, request, reply);
  }

  @Post(':id/remix')
  @HttpCode(200)
  @Scoped('generate')
  @ApiOperation({
    summary: 'Remix a video',
    description:
      'Another video of the same model and parameters, from new words and the video itself. For models that take a video (the role ' +
      `\`video\`); any other is refused with \`operation_unsupported\`, and \`error.accepted\` lists those. ${LIFE}`,
    requestBody: REMIX_BODY,
  })
  @ApiGenerationHeaders()
  @ApiGenerationAnswers(ANSWERS)
  async remixVideo(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    const source = await this.videos.remixable(id, request);
    await this.videos.run(await this.commands.remix(request, source), request, reply);
  }

  @Delete(':id')
  @Scoped('generate')
  @ApiOperation({
    summary: 'Delete a video',
    description: `One that still runs is cancelled first; 409 when its vendor does not confirm that. ${OWN_WORK}`,
  })
  @ApiOkResponse({ type: VideoDeleteResponse, description: 'It is gone.' })
  @ApiErrors(404, 409)
  deleteVideo(@Req() request: FastifyRequest, @Param('id') id: string): Promise<VideoDeleteResponse> {
    return this.videos.remove(id, request);
  }
}
