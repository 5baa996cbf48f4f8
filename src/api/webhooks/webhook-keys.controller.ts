import { Controller, Get, Header, Query } from '@nestjs/common';
import { Public } from '../../domain/access/index.js';
import { EndpointsService, jwkOf } from '../../engine/webhooks/index.js';
import { ApiError, LONGEST_NAME } from '../../platform/common/index.js';
import { ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '../../platform/openapi/index.js';
import { WebhookKeySet } from './dto/endpoint.dto.js';

@ApiTags('Webhooks')
@Controller('.well-known/litegen-webhooks.json')
export class WebhookKeysController {
  constructor(private readonly endpoints: EndpointsService) {}

  @Get()
  @Public()
  @Header('cache-control', 'public, max-age=300')
  @ApiOperation({
    summary: 'Public keys of webhook endpoints that use Ed25519',
    description: 'Every endpoint has a key of its own: a receiver names its endpoint and trusts no other key.',
  })
  @ApiQuery({ name: 'endpoint', required: false, description: 'Only the keys of this endpoint.', type: String })
  @ApiOkResponse({ type: WebhookKeySet })
  async getWebhookKeys(@Query('endpoint') endpoint?: unknown): Promise<WebhookKeySet> {
    if (endpoint !== undefined && !(typeof endpoint === 'string' && endpoint.length <= LONGEST_NAME)) {
      throw new ApiError('invalid_query', 'endpoint is the id of one webhook endpoint.', { param: 'endpoint' });
    }
    return { keys: (await this.endpoints.publicKeys(endpoint)).map(jwkOf) };
  }
}
