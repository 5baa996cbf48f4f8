import { Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiExtraModels, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Scoped } from '../auth/index.js';
import { ApiErrors } from '../common/index.js';
import { ApiGenerationHeaders, CostEstimate } from '../doors/index.js';
import { GenerationDetail } from '../generations/index.js';
import { ImageEditRequest, ImageGenerationRequest } from './dto/image-request.dto.js';
import { ImageGenerationResponse } from './dto/image-response.dto.js';
import { ImageCommands } from './image-command.service.js';
import { EDIT_BODY, GENERATION_BODY, STREAM_DESCRIPTION } from './images.openapi.js';
import { ImagesService } from './images.service.js';

const DRY_RUN = {
  name: 'dryRun',
  required: false,
  type: Boolean,
  description: 'True: answers the price and the receipt; nothing is generated.',
};
const FAILURES = [400, 401, 402, 403, 404, 409, 413, 415, 424, 429, 502, 503, 504] as const;

/** `ApiResponse` knows one shape for a status; the others are named in words. */
const ANSWER = {
  status: 200,
  type: ImageGenerationResponse,
  description: 'The pictures. With `dryRun` a CostEstimate instead; with `stream` server-sent events.',
};

@ApiTags('Images')
@ApiExtraModels(ImageGenerationRequest, ImageEditRequest, ImageGenerationResponse, CostEstimate)
@Controller('v1/images')
export class ImagesController {
  constructor(
    private readonly commands: ImageCommands,
    private readonly images: ImagesService,
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
  @ApiQuery(DRY_RUN)
  @ApiGenerationHeaders()
  @ApiResponse(ANSWER)
  @ApiResponse({ status: 202, type: GenerationDetail, description: 'Still running; `Location` says where to look.' })
  @ApiErrors(...FAILURES)
  async generateImage(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.images.run(await this.commands.generation(request), request, reply);
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
  @ApiQuery(DRY_RUN)
  @ApiGenerationHeaders()
  @ApiResponse(ANSWER)
  @ApiResponse({ status: 202, type: GenerationDetail, description: 'Still running; `Location` says where to look.' })
  @ApiErrors(...FAILURES)
  async editImage(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.images.run(await this.commands.edit(request), request, reply);
  }

  @Post('cost')
  @HttpCode(200)
  @Scoped('generate')
  @ApiOperation({
    summary: 'Price an image request',
    description: 'Takes what a generation takes, checks it in full, and answers the price and the receipt. References are not fetched.',
    requestBody: GENERATION_BODY,
  })
  @ApiResponse({ status: 200, type: CostEstimate, description: 'The price.' })
  @ApiErrors(400, 401, 403, 404, 413, 415, 424)
  async estimateImageCost(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.images.estimate(await this.commands.generation(request), reply);
  }
}
