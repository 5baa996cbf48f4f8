import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional, ApiResponse, type ApiResponseOptions } from '../../openapi/index.js';

class ProviderErrorDetail {
  @ApiPropertyOptional({ description: 'The vendor’s own code.' })
  code?: string;

  @ApiProperty()
  message!: string;

  @ApiPropertyOptional({ type: 'integer', description: 'The HTTP status that the vendor answered with.' })
  status?: number;
}

class RefusedBudgetDetail {
  @ApiProperty({ example: 'key' })
  level!: string;

  @ApiProperty({ description: 'The organization, application, key or user.' })
  subject!: string;

  @ApiProperty({ example: 'month' })
  period!: string;

  @ApiProperty({ description: 'US dollars.' })
  limit_usd!: number;

  @ApiProperty({ description: 'What is left, that of running requests counted as spent.' })
  remaining_usd!: number;

  @ApiProperty({ description: 'What this request may cost.' })
  required_usd!: number;

  @ApiProperty({ type: String, nullable: true, format: 'date-time', description: 'When the period ends. Null: never.' })
  resets_at!: string | null;
}

export class ErrorDetail {
  @ApiProperty({ example: 'There is no model "mock/pant". Did you mean mock/paint?' })
  message!: string;

  @ApiProperty({ example: 'invalid_request_error' })
  type!: string;

  @ApiProperty({ description: 'Stable; see docs/use/errors.md.', example: 'model_not_found' })
  code!: string;

  @ApiProperty({ type: String, nullable: true, description: 'Path of the field that is wrong.', example: 'model' })
  param!: string | null;

  @ApiProperty({ type: 'integer', example: 404 })
  status!: number;

  @ApiPropertyOptional()
  request_id?: string;

  @ApiPropertyOptional()
  model?: string;

  @ApiPropertyOptional()
  provider?: string;

  @ApiPropertyOptional({ type: ProviderErrorDetail })
  provider_error?: ProviderErrorDetail;

  @ApiPropertyOptional({ description: 'The generation that failed; it can be looked up.' })
  generation_id?: string;

  @ApiPropertyOptional({
    description: 'What would be accepted.',
    type: 'array',
    items: { anyOf: [{ type: 'string' }, { type: 'number' }] },
  })
  accepted?: (string | number)[];

  @ApiPropertyOptional({ type: RefusedBudgetDetail, description: 'With `quota_exceeded`: which budget refused.' })
  budget?: RefusedBudgetDetail;
}

/** Every failure has this shape. */
export class ErrorResponse {
  @ApiProperty({ type: ErrorDetail })
  error!: ErrorDetail;
}

/** Headers of an answer, in the API's document. */
export type ResponseHeaders = NonNullable<ApiResponseOptions['headers']>;

const DESCRIPTIONS: Readonly<Record<number, string>> = {
  400: 'The request is wrong; `error.param` names the field.',
  401: 'No API key, or one that is not valid.',
  402: 'A budget does not cover the price; `error.budget` says which.',
  403: 'The key may not do this.',
  404: 'There is no such thing for this key.',
  406: 'The `Accept` header leaves out what the route answers with.',
  408: 'The request did not arrive in time.',
  409: 'Not possible in the present state.',
  413: 'The body is too large.',
  414: 'Path and query are too long.',
  415: 'The body’s type or coding is not supported.',
  416: 'The range lies outside the file.',
  417: 'The request expects what is not done here.',
  422: 'The Idempotency-Key stands for another request, or the quote does.',
  424: 'The model’s provider is not configured.',
  429: 'Too many requests; `Retry-After` says when to come back.',
  431: 'The headers are too large.',
  500: 'Something went wrong in the gateway; the request id names it in the logs.',
  502: 'The vendor failed.',
  503: 'Not available right now.',
  504: 'The vendor did not finish in time.',
};

/** What a failure with this status says, in the API's document. */
export function failureDescription(status: number): string {
  return DESCRIPTIONS[status] ?? 'The request failed.';
}

/** Documents failures of a route's own in the one envelope that all of them have; those that every route may have are added to the document. */
export function ApiErrors(...statuses: number[]): MethodDecorator & ClassDecorator {
  return applyDecorators(
    ...statuses.map((status) => ApiResponse({ status, type: ErrorResponse, description: failureDescription(status) })),
  );
}
