import { All, Controller, HttpCode, Param, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ByCallbackToken } from '../../domain/access/index.js';
import { CallbacksService } from '../../engine/generations/index.js';
import { ApiExcludeController } from '../../platform/openapi/index.js';

/** Where vendors report back. The token is unguessable and the vendor's signature is verified by its plugin. */
@ApiExcludeController()
@Controller('v1/callbacks')
export class CallbacksController {
  constructor(private readonly callbacks: CallbacksService) {}

  @All(':token')
  @ByCallbackToken()
  @HttpCode(200)
  async receive(@Param('token') token: string, @Req() request: FastifyRequest): Promise<{ received: true }> {
    await this.callbacks.receive(token, {
      method: request.method,
      headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')])),
      query: Object.fromEntries(Object.entries(request.query as Record<string, unknown>).map(([name, value]) => [name, String(value)])),
      body: Buffer.isBuffer(request.body) ? request.body : new Uint8Array(),
    });
    return { received: true };
  }
}
