import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { principalOf, Scoped } from '../../domain/access/index.js';
import {
  DeliveriesService,
  EndpointSecrets,
  EndpointsService,
  TestDeliveries,
  type WebhookEndpointEntity,
} from '../../engine/webhooks/index.js';
import { ApiErrors, Clock, cursorInfo, LongPageQuery, pageInfo, pageOf, pageRequest } from '../../platform/common/index.js';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '../../platform/openapi/index.js';
import {
  DeliveriesQuery,
  RedeliverRequest,
  RedeliverResponse,
  TestWebhookResponse,
  WebhookDeliveryListResponse,
} from './dto/delivery.dto.js';
import {
  CreateEndpointRequest,
  DeleteEndpointResponse,
  PatchEndpointRequest,
  RotateSecretRequest,
  WebhookEndpoint,
  WebhookEndpointListResponse,
  WebhookEndpointWithSecret,
  WebhookSecretResponse,
} from './dto/endpoint.dto.js';
import { toDelivery, toEndpoint, toEndpointChange, toFilter, toNewEndpoint, toTestResponse } from './webhook-responses.js';

@ApiTags('Webhooks')
@Controller('v1/webhooks/endpoints')
export class WebhookEndpointsController {
  constructor(
    private readonly endpoints: EndpointsService,
    private readonly deliveries: DeliveriesService,
    private readonly tests: TestDeliveries,
    private readonly secrets: EndpointSecrets,
    private readonly clock: Clock,
  ) {}

  @Post()
  @Scoped('admin')
  @ApiOperation({ summary: 'Create a webhook endpoint', description: 'The answer carries the secret that its events are signed with.' })
  @ApiCreatedResponse({ type: WebhookEndpointWithSecret })
  @ApiErrors(404, 409)
  async createWebhookEndpoint(@Req() request: FastifyRequest, @Body() body: CreateEndpointRequest): Promise<WebhookEndpointWithSecret> {
    return this.withSecret(await this.endpoints.create(principalOf(request), toNewEndpoint(body)));
  }

  @Get()
  @Scoped('admin')
  @ApiOperation({
    summary: 'List webhook endpoints',
    description: 'Those of the caller’s application, newest first, with one for each API key that has a `webhook_url`.',
  })
  @ApiOkResponse({ type: WebhookEndpointListResponse })
  async listWebhookEndpoints(@Req() request: FastifyRequest, @Query() query: LongPageQuery): Promise<WebhookEndpointListResponse> {
    const found = pageOf(await this.endpoints.list(principalOf(request)), pageRequest(query), ({ url }) => url.length);
    return { data: found.rows.map((endpoint) => this.shown(endpoint)), ...cursorInfo(found) };
  }

  @Get(':id')
  @Scoped('admin')
  @ApiOperation({ summary: 'Get a webhook endpoint' })
  @ApiOkResponse({ type: WebhookEndpoint })
  @ApiErrors(404)
  async getWebhookEndpoint(@Req() request: FastifyRequest, @Param('id') id: string): Promise<WebhookEndpoint> {
    return this.shown(await this.endpoints.get(principalOf(request), id));
  }

  @Patch(':id')
  @Scoped('admin')
  @ApiOperation({ summary: 'Change, disable or enable a webhook endpoint', description: 'An absent field stays as it is.' })
  @ApiOkResponse({ type: WebhookEndpoint })
  @ApiErrors(404, 409)
  async patchWebhookEndpoint(
    @Req() request: FastifyRequest,
    @Param('id') id: string,
    @Body() body: PatchEndpointRequest,
  ): Promise<WebhookEndpoint> {
    return this.shown(await this.endpoints.patch(principalOf(request), id, toEndpointChange(body)));
  }

  @Delete(':id')
  @Scoped('admin')
  @ApiOperation({ summary: 'Delete a webhook endpoint', description: 'What still waits for it is given up.' })
  @ApiOkResponse({ type: DeleteEndpointResponse })
  @ApiErrors(404, 409)
  async deleteWebhookEndpoint(@Req() request: FastifyRequest, @Param('id') id: string): Promise<DeleteEndpointResponse> {
    await this.endpoints.remove(principalOf(request), id);
    return { deleted: true };
  }

  @Get(':id/secret')
  @Scoped('admin')
  @ApiOperation({ summary: 'Show what an endpoint’s events are verified with' })
  @ApiOkResponse({ type: WebhookSecretResponse })
  @ApiErrors(404)
  async getWebhookSecret(@Req() request: FastifyRequest, @Param('id') id: string): Promise<WebhookSecretResponse> {
    const { secret, public_key } = this.withSecret(await this.endpoints.get(principalOf(request), id));
    return { secret, public_key };
  }

  @Post(':id/rotate-secret')
  @HttpCode(200)
  @Scoped('admin')
  @ApiOperation({
    summary: 'Give a webhook endpoint a new secret',
    description: 'Until the grace ends, events carry a signature of the old secret beside that of the new one.',
  })
  @ApiOkResponse({ type: WebhookEndpointWithSecret })
  @ApiErrors(404)
  async rotateWebhookSecret(
    @Req() request: FastifyRequest,
    @Param('id') id: string,
    @Body() { grace_seconds: graceSeconds, algorithm }: RotateSecretRequest,
  ): Promise<WebhookEndpointWithSecret> {
    return this.withSecret(await this.endpoints.rotate(principalOf(request), id, { graceSeconds, algorithm }));
  }

  @Post(':id/test')
  @HttpCode(200)
  @Scoped('admin')
  @ApiOperation({ summary: 'Send a made-up event', description: 'Once, right now, signed like every other; it is not logged.' })
  @ApiOkResponse({ type: TestWebhookResponse })
  @ApiErrors(404)
  async testWebhookEndpoint(@Req() request: FastifyRequest, @Param('id') id: string): Promise<TestWebhookResponse> {
    return toTestResponse(await this.tests.toEndpoint(principalOf(request), id));
  }

  @Get(':id/deliveries')
  @Scoped('admin')
  @ApiOperation({ summary: 'List what was sent to a webhook endpoint', description: 'Newest first.' })
  @ApiOkResponse({ type: WebhookDeliveryListResponse })
  @ApiErrors(404)
  async listWebhookDeliveries(
    @Req() request: FastifyRequest,
    @Param('id') id: string,
    @Query() query: DeliveriesQuery,
  ): Promise<WebhookDeliveryListResponse> {
    const found = await this.deliveries.page(principalOf(request), id, toFilter(query), pageRequest(query));
    return { data: found.rows.map(toDelivery), ...pageInfo(query, found) };
  }

  @Post(':id/redeliver')
  @HttpCode(200)
  @Scoped('admin')
  @ApiOperation({
    summary: 'Send events to a webhook endpoint again',
    description: 'Dead letters unless `state` says otherwise; `since` and `until` bound them by when the event happened.',
  })
  @ApiOkResponse({ type: RedeliverResponse })
  @ApiErrors(404, 409)
  async redeliverWebhooks(
    @Req() request: FastifyRequest,
    @Param('id') id: string,
    @Body() body: RedeliverRequest,
  ): Promise<RedeliverResponse> {
    const filter = toFilter({ ...body, state: body.state ?? 'dead' });
    return { redelivered: await this.deliveries.redeliver(principalOf(request), id, filter) };
  }

  private shown(endpoint: WebhookEndpointEntity): WebhookEndpoint {
    return toEndpoint(endpoint, this.clock.nowMs());
  }

  private withSecret(endpoint: WebhookEndpointEntity): WebhookEndpointWithSecret {
    return { ...this.shown(endpoint), secret: this.secrets.shown(endpoint) };
  }
}
