import { Controller, HttpCode, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Scoped } from '../../domain/access/index.js';
import { ApiErrors } from '../../platform/common/index.js';
import { ApiExtraModels, ApiOperation, ApiResponse, ApiTags, getSchemaPath } from '../../platform/openapi/index.js';
import { Quote, QuoteList, QuoteRequest } from './dto/quote.dto.js';
import { QuotesService } from './quotes.service.js';

@ApiTags('Quotes')
@ApiExtraModels(QuoteRequest, Quote, QuoteList)
@Controller('v1/quote')
export class QuotesController {
  constructor(private readonly quotes: QuotesService) {}

  @Post()
  @HttpCode(200)
  @Scoped('generate')
  @ApiOperation({
    summary: 'Quote a request',
    description:
      'Takes the JSON that the route of the operation takes, checks it in full, and answers what it costs, what would be held, and whether ' +
      'the budgets have room. References are not fetched. A generation request that names the quote in the header `X-Litegen-Quote` before ' +
      '`expires_at`, and asks for what its price depends on as quoted, is held and billed at the quoted price; any other is refused with ' +
      '`quote_expired`, `quote_mismatch` or `quote_not_found`. With `models` each is quoted by itself, and one that cannot be says why.',
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: { $ref: getSchemaPath(QuoteRequest) },
          examples: {
            one: {
              summary: 'One model',
              value: { model: 'mock/priced-paint', prompt: 'a red fox', n: 2, size: '1024x1024', quality: 'high' },
            },
            several: { summary: 'Several models', value: { models: ['mock/priced-paint', 'mock/paint'], prompt: 'a red fox' } },
            counted: {
              summary: 'An edit whose picture is not at hand',
              value: { operation: 'image.edit', model: 'mock/priced-paint', prompt: 'add a moon', reference_counts: 1 },
            },
          },
        },
      },
    },
  })
  @ApiResponse({
    status: 200,
    description: 'The quote, or with `models` a list of them.',
    schema: { oneOf: [{ $ref: getSchemaPath(Quote) }, { $ref: getSchemaPath(QuoteList) }] },
  })
  @ApiErrors(404, 424)
  createQuote(@Req() request: FastifyRequest): Promise<Quote | QuoteList> {
    return this.quotes.quote(request);
  }
}
