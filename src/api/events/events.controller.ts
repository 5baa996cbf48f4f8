import { Controller, Get, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Scoped } from '../../domain/access/index.js';
import { ApiErrors } from '../../platform/common/index.js';
import { ApiExtraModels, ApiHeader, ApiOperation, ApiResponse, ApiTags } from '../../platform/openapi/index.js';
import { eventSchema } from '../shared/index.js';
import { GenerationEndedEvent, GenerationProgressEvent } from './dto/generation-event.dto.js';
import { EventStreams } from './event-streams.service.js';

@ApiTags('Generations')
@ApiExtraModels(GenerationProgressEvent, GenerationEndedEvent)
@Controller('v1/generations')
export class EventsController {
  constructor(private readonly streams: EventStreams) {}

  @Get(':id/events')
  @Scoped('read')
  @ApiOperation({
    summary: 'Follow a generation',
    description:
      'Server-sent events: `generation.status` for every change between `pending` and `processing`, `generation.progress` when it came ' +
      'further, and at last `generation.completed`, `generation.failed` or `generation.cancelled`, after which the stream ends. The first ' +
      'event tells how it stands. A client that names the last event that it got as `Last-Event-ID`, as every EventSource does, gets what ' +
      'followed, whatever process it comes to; 204 when that was the last, so that it does not come back.',
  })
  @ApiHeader({ name: 'last-event-id', required: false, description: 'The id of the last event that arrived.', schema: { type: 'string' } })
  @ApiResponse({
    status: 200,
    description: 'The stream.',
    content: {
      'text/event-stream': {
        schema: eventSchema([GenerationProgressEvent, GenerationEndedEvent]),
      },
    },
  })
  @ApiResponse({ status: 204, description: 'The last event has been received.' })
  @ApiErrors(404, 406)
  async followGeneration(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    await this.streams.follow(id, request, reply);
  }
}
