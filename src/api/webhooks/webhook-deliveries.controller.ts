import { Controller, Get, HttpCode, Param, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { principalOf, Scoped } from '../../domain/access/index.js';
import { DeliveriesService } from '../../engine/webhooks/index.js';
import { ApiErrors } from '../../platform/common/index.js';
import { ApiOkResponse, ApiOperation, ApiTags } from '../../platform/openapi/index.js';
import { WebhookDeliveryDetail } from './dto/delivery.dto.js';
import { toDeliveryDetail } from './webhook-responses.js';

@ApiTags('Webhooks')
@Controller('v1/webhooks/deliveries')
export class WebhookDeliveriesController {
  constructor(private readonly deliveries: DeliveriesService) {}

  @Get(':id')
  @Scoped('admin')
  @ApiOperation({ summary: 'Get a delivery with every attempt and what was answered' })
  @ApiOkResponse({ type: WebhookDeliveryDetail })
  @ApiErrors(404)
  async getWebhookDelivery(@Req() request: FastifyRequest, @Param('id') id: string): Promise<WebhookDeliveryDetail> {
    return toDeliveryDetail(await this.deliveries.get(principalOf(request), id));
  }

  @Post(':id/redeliver')
  @HttpCode(200)
  @Scoped('admin')
  @ApiOperation({ summary: 'Send one event again', description: 'With the same `webhook-id` and body, and the whole schedule before it.' })
  @ApiOkResponse({ type: WebhookDeliveryDetail })
  @ApiErrors(404, 409)
  async redeliverWebhook(@Req() request: FastifyRequest, @Param('id') id: string): Promise<WebhookDeliveryDetail> {
    return toDeliveryDetail(await this.deliveries.redeliverOne(principalOf(request), id));
  }
}
