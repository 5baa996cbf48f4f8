import { Controller, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { principalOf, Scoped } from '../../domain/access/index.js';
import { DeliveriesService, TestDeliveries } from '../../engine/webhooks/index.js';
import { ApiErrors, PageQuery, pageInfo, pageRequest } from '../../platform/common/index.js';
import { ApiOkResponse, ApiOperation, ApiTags } from '../../platform/openapi/index.js';
import { KeyWebhookDeliveryListResponse, TestWebhookResponse } from './dto/delivery.dto.js';
import { toKeyDelivery, toTestResponse } from './webhook-responses.js';

/** LiteGen's own routes for the `webhook_url` of a key. */
@ApiTags('Keys')
@Controller('v1/keys')
export class KeyWebhooksController {
  constructor(
    private readonly deliveries: DeliveriesService,
    private readonly tests: TestDeliveries,
  ) {}

  @Post(':id/test-webhook')
  @HttpCode(200)
  @Scoped('admin')
  @ApiOperation({ summary: 'Send a made-up event to the key’s webhook_url', description: 'Signed with the secret of the key’s endpoint.' })
  @ApiOkResponse({ type: TestWebhookResponse })
  @ApiErrors(404)
  async testKeyWebhook(@Req() request: FastifyRequest, @Param('id') id: string): Promise<TestWebhookResponse> {
    return toTestResponse(await this.tests.toKey(principalOf(request), id));
  }

  @Get(':id/webhook-deliveries')
  @Scoped('admin')
  @ApiOperation({ summary: 'List attempts to deliver events of a key', description: 'To the key’s own endpoints, newest first.' })
  @ApiOkResponse({ type: KeyWebhookDeliveryListResponse })
  @ApiErrors(404)
  async listKeyWebhookDeliveries(
    @Req() request: FastifyRequest,
    @Param('id') id: string,
    @Query() query: PageQuery,
  ): Promise<KeyWebhookDeliveryListResponse> {
    const found = await this.deliveries.ofKey(principalOf(request), id, pageRequest(query));
    return { data: found.rows.map(toKeyDelivery), ...pageInfo(query, found) };
  }
}
