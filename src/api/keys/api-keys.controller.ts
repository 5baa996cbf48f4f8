import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ApiKeysService, principalOf, Scoped } from '../../domain/access/index.js';
import { ApiErrors, cursorInfo, LongPageQuery, pageRequest } from '../../platform/common/index.js';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '../../platform/openapi/index.js';
import { toCreatedKey, toKeyChange, toKeyDetail, toKeyInfo, toNewKey } from './api-key-responses.js';
import {
  ApiKeyCreatedResponse,
  ApiKeyDetail,
  ApiKeyListResponse,
  CreateApiKeyRequest,
  PatchApiKeyRequest,
  RevokeKeyResponse,
  RotateApiKeyRequest,
} from './dto/api-key.dto.js';

const MS_PER_SECOND = 1000;
const WITHIN =
  'Whoever calls with an API key gives no more than that has: scopes, models, expiry and limits are within its own, and quota is taken from its own.';

@ApiTags('Keys')
@Controller('v1/keys')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Post()
  @Scoped('admin')
  @ApiOperation({ summary: 'Create an API key', description: `The secret is in this answer and nowhere else. ${WITHIN}` })
  @ApiCreatedResponse({ type: ApiKeyCreatedResponse })
  async createKey(@Req() request: FastifyRequest, @Body() body: CreateApiKeyRequest): Promise<ApiKeyCreatedResponse> {
    return toCreatedKey(await this.keys.create(principalOf(request), toNewKey(body)));
  }

  @Get()
  @Scoped('admin')
  @ApiOperation({ summary: 'List API keys', description: 'Those of the caller’s application, revoked ones included, newest first.' })
  @ApiOkResponse({ type: ApiKeyListResponse })
  async listKeys(@Req() request: FastifyRequest, @Query() query: LongPageQuery): Promise<ApiKeyListResponse> {
    const found = await this.keys.list(principalOf(request), pageRequest(query));
    return { data: found.rows.map(toKeyInfo), ...cursorInfo(found) };
  }

  @Get(':id')
  @Scoped('admin')
  @ApiOperation({ summary: 'Get an API key' })
  @ApiOkResponse({ type: ApiKeyDetail })
  @ApiErrors(404)
  async getKey(@Req() request: FastifyRequest, @Param('id') id: string): Promise<ApiKeyDetail> {
    return toKeyDetail(await this.keys.get(principalOf(request), id));
  }

  @Patch(':id')
  @Scoped('admin')
  @ApiOperation({ summary: 'Change an API key', description: `An absent field stays as it is; an explicit null clears it. ${WITHIN}` })
  @ApiOkResponse({ type: ApiKeyDetail })
  @ApiErrors(404)
  async patchKey(@Req() request: FastifyRequest, @Param('id') id: string, @Body() body: PatchApiKeyRequest): Promise<ApiKeyDetail> {
    return toKeyDetail(await this.keys.patch(principalOf(request), id, toKeyChange(body)));
  }

  @Delete(':id')
  @Scoped('admin')
  @ApiOperation({ summary: 'Revoke an API key' })
  @ApiOkResponse({ type: RevokeKeyResponse })
  @ApiErrors(404)
  async revokeKey(@Req() request: FastifyRequest, @Param('id') id: string): Promise<RevokeKeyResponse> {
    await this.keys.revoke(principalOf(request), id);
    return { revoked: true };
  }

  @Post(':id/rotate')
  @Scoped('admin')
  @HttpCode(200)
  @ApiOperation({ summary: 'Give an API key a new secret', description: `The key keeps its id, limits and history. ${WITHIN}` })
  @ApiOkResponse({ type: ApiKeyCreatedResponse })
  @ApiErrors(404)
  async rotateKey(
    @Req() request: FastifyRequest,
    @Param('id') id: string,
    @Body() { grace_seconds: graceSeconds = 0 }: RotateApiKeyRequest,
  ): Promise<ApiKeyCreatedResponse> {
    return toCreatedKey(await this.keys.rotate(principalOf(request), id, graceSeconds * MS_PER_SECOND));
  }
}
