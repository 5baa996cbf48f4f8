import { OPERATIONS } from '../../../domain/catalog/index.js';
import type { Operation } from '../../../engine/generations/index.js';
import { ErrorDetail, LONGEST_NAME, OpenBody } from '../../../platform/common/index.js';
import { ApiProperty, ApiPropertyOptional, ApiSchema } from '../../../platform/openapi/index.js';
import { CostEstimate, MAX_REFERENCES } from '../../shared/index.js';

export const MAX_CANDIDATES = 20;
const CONFIDENCES = ['published', 'reported', 'estimated'] as const;
const COUNT = { type: 'integer', minimum: 0, maximum: MAX_REFERENCES } as const;

/** A generation request as its route takes it, and what is asked about it. */
@OpenBody()
@ApiSchema({ description: 'Beside these: the fields of the generation request itself, as JSON.' })
export class QuoteRequest {
  @ApiPropertyOptional({
    enum: OPERATIONS,
    nullable: true,
    description: 'Absent: what the model does; an edit where `image`, `images` or `mask` is there.',
  })
  operation?: Operation | null;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    minLength: 1,
    maxLength: LONGEST_NAME,
    description: 'Either this or `models`.',
    example: 'mock/priced-paint',
  })
  model?: string | null;

  @ApiPropertyOptional({
    type: 'array',
    items: { type: 'string', minLength: 1, maxLength: LONGEST_NAME },
    nullable: true,
    minItems: 1,
    maxItems: MAX_CANDIDATES,
    description: 'Several models for the same request, to compare: the answer is a list.',
    example: ['mock/priced-paint', 'mock/paint'],
  })
  models?: string[] | null;

  @ApiPropertyOptional({
    nullable: true,
    oneOf: [COUNT, { type: 'object', additionalProperties: COUNT }],
    description: 'References that are not at hand yet: how many, or how many of each role. They count beside those that are given.',
    example: { init: 1 },
  })
  reference_counts?: number | Record<string, number> | null;
}

/** What a request costs. With its id in `X-Litegen-Quote` that is what it will cost. */
export class Quote extends CostEstimate {
  @ApiProperty({ type: String, example: 'quote-8f14e45fceea167a5a36dedd4bea2543' })
  id!: string;

  @ApiProperty({ enum: ['quote'] })
  object!: 'quote';

  @ApiProperty({ enum: OPERATIONS })
  operation!: Operation;

  @ApiProperty({ type: String, format: 'date-time' })
  created_at!: string;

  @ApiProperty({ type: String, format: 'date-time', description: 'Until then the price is kept.' })
  expires_at!: string;

  @ApiProperty({
    type: String,
    description: 'US dollars, decimal. The exact cost, or what is to be expected; see `exact`.',
    example: '0.08',
  })
  total_cost!: string;

  @ApiProperty({ type: String, description: 'What would be held, and the most that it will cost; US dollars, decimal.', example: '0.08' })
  hold!: string;

  @ApiProperty({ type: 'integer', description: 'The same in millionths of a dollar.', example: 80000 })
  hold_micros!: number;

  @ApiProperty({ enum: ['catalog'] })
  price_source!: 'catalog';

  @ApiProperty({ enum: CONFIDENCES, description: 'Of the least certain of its prices.' })
  confidence!: (typeof CONFIDENCES)[number];

  @ApiProperty({ type: Number, nullable: true, description: 'The least that any budget has left, US dollars. Null: nothing is bounded.' })
  budget_remaining_usd!: number | null;

  @ApiProperty({ type: Boolean, description: 'Whether the budgets would let it through right now.' })
  admitted!: boolean;

  @ApiProperty({ type: ErrorDetail, nullable: true, description: 'What the request would be refused with.' })
  refusal!: ErrorDetail | null;
}

/** One model of several. */
export class QuoteCandidate {
  @ApiProperty({ type: String, description: 'As it was asked for.' })
  model!: string;

  @ApiProperty({ type: Quote, nullable: true })
  quote!: Quote | null;

  @ApiProperty({ type: ErrorDetail, nullable: true, description: 'Why there is no quote.' })
  error!: ErrorDetail | null;
}

export class QuoteList {
  @ApiProperty({ enum: ['list'] })
  object!: 'list';

  @ApiProperty({ type: [QuoteCandidate], description: 'In the order of `models`.' })
  data!: QuoteCandidate[];
}
