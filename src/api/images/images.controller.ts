import { Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Scoped } from '../../domain/access/index.js';
import { GenerationDetail } from '../../engine/generations/index.js';
import { ApiExtraModels, ApiOperation, ApiTags } from '../../platform/openapi/index.js';
import { ApiEstimateAnswers, ApiGenerationAnswers, ApiGenerationHeaders, isDryRun } from '../shared/index.js';
import { ImageCompletedEvent, ImageErrorEvent, ImagePartialEvent } from './dto/image-event.dto.js';
import { ImageEditRequest, ImageGenerationRequest } from './dto/image-request.dto.js';
import { ImageGenerationResponse } from './dto/image-response.dto.js';
import { ImageStreams } from './image-stream.service.js';
import { EDIT_BODY, GENERATION_BODY, STREAM_DESCRIPTION, VARIATION_BODY } from './images.openapi.js';
import { ImageCommands, type ImageJob, ImagesService } from './images.service.js';

const ANSWERS = {
  answer: ImageGenerationResponse,
  description: 'The pictures; with `stream` server-sent events.',
  pending: { type: GenerationDetail, description: 'Still running; `Location` says where to look.' },
  events: [ImagePartialEvent, ImageCompletedEvent, ImageErrorEvent],
};

@ApiTags('Images')
@ApiExtraModels(ImageGenerationRequest, ImageEditRequest)
@Controller('v1/images')
export class ImagesController {
  constructor(
    private readonly commands: ImageCommands,
    private readonly images: ImagesService,
    private readonly streams: ImageStreams,
  ) {}

  @Post('generations')
  @HttpCode(200)
  @Scoped('generate')
  @ApiOperation({
    summary: 'Generate images',
    description:
      'Waits for the pictures. `Prefer: respond-async` answers 202 with the generation at once, `Prefer: wait=N` after N seconds at the ' +
      'latest. With reference images the request is image-to-image: it stays a generation where the model does both, and becomes an edit ' +
      'on a model that only edits. A client that goes away changes nothing: the generation can be found by its id.\n\n' +
      STREAM_DESCRIPTION,
    requestBody: GENERATION_BODY,
  })
  @ApiGenerationHeaders()
  @ApiGenerationAnswers(ANSWERS)
  async generateImage(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.answer(await this.commands.generation(request), request, reply);
  }

  @Post('edits')
  @HttpCode(200)
  @Scoped('generate')
  @ApiOperation({
    summary: 'Edit images',
    description:
      'As a form with the files `image` (also `image[]`, `image[0]`) and `mask`, or as JSON with URLs, `data:` URLs, base64 or file ids. ' +
      'What a file is, its bytes tell; its declared type means nothing. A file under another name has that name as its role.',
    requestBody: EDIT_BODY,
  })
  @ApiGenerationHeaders()
  @ApiGenerationAnswers(ANSWERS)
  async editImage(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.answer(await this.commands.edit(request), request, reply);
  }

  @Post('variations')
  @HttpCode(200)
  @Scoped('generate')
  @ApiOperation({
    summary: 'Vary an image',
    description:
      'Takes what an edit takes, without a prompt. For models that edit a picture without words; any other is refused with ' +
      '`operation_unsupported`, and `error.accepted` lists those.',
    requestBody: VARIATION_BODY,
  })
  @ApiGenerationHeaders()
  @ApiGenerationAnswers(ANSWERS)
  async varyImage(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.answer(await this.commands.variation(request), request, reply);
  }

  @Post('cost')
  @HttpCode(200)
  @Scoped('generate')
  @ApiOperation({
    summary: 'Price an image request',
    description: 'Takes what a generation takes, checks it in full, and answers the price and the receipt. References are not fetched.',
    requestBody: GENERATION_BODY,
  })
  @ApiEstimateAnswers()
  async estimateImageCost(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.images.estimate(await this.commands.generation(request), reply);
  }

  private answer(job: ImageJob, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (isDryRun(request)) return this.images.estimate(job, reply);
    return job.stream ? this.streams.run(job, request, reply) : this.images.run(job, request, reply);
  }
}
