import { ApiProperty, ApiPropertyOptional } from '../../../platform/openapi/index.js';

export const COST_SOURCES = ['dynamic', 'estimated'] as const;
export type CostSource = (typeof COST_SOURCES)[number];

export class TokenDetails {
  @ApiProperty({ type: 'integer' })
  text_tokens!: number;

  @ApiProperty({ type: 'integer' })
  image_tokens!: number;
}

/** What it cost, and the vendor's token counts (0 where it does not count tokens). */
export class UsageInfo {
  @ApiProperty({ type: Number, description: 'US dollars.', example: 0.04 })
  cost_usd!: number;

  @ApiProperty({ type: 'integer', description: 'The cost in thousandths of a dollar, rounded up.', example: 40 })
  tokens!: number;

  @ApiProperty({
    enum: COST_SOURCES,
    enumName: 'CostSource',
    description: '`dynamic`: from what the vendor reported; `estimated`: from the price list.',
  })
  cost_source!: CostSource;

  @ApiPropertyOptional({
    type: Number,
    description: 'The least that any budget has left, US dollars. Absent: nothing is bounded.',
    example: 9.96,
  })
  budget_remaining_usd?: number;

  @ApiProperty({ type: 'integer' })
  input_tokens!: number;

  @ApiProperty({ type: 'integer' })
  output_tokens!: number;

  @ApiProperty({ type: 'integer' })
  total_tokens!: number;

  @ApiProperty({ type: TokenDetails })
  input_tokens_details!: TokenDetails;

  @ApiProperty({ type: TokenDetails })
  output_tokens_details!: TokenDetails;
}

/** Spelt out, because some readers of the document take a schema without a type for an object. */
const JSON_VALUE = {
  nullable: true,
  anyOf: [
    { type: 'string' },
    { type: 'number' },
    { type: 'boolean' },
    { type: 'array', items: {} },
    { type: 'object', additionalProperties: true },
  ],
};

export class ReceiptChange {
  @ApiProperty({ type: String, example: 'size' })
  param!: string;

  @ApiPropertyOptional({ ...JSON_VALUE, example: '1000x1000' })
  from?: unknown;

  @ApiPropertyOptional({ ...JSON_VALUE, example: '1024x1024' })
  to?: unknown;

  @ApiProperty({ type: String })
  reason!: string;
}

export class ReceiptEmulation {
  @ApiProperty({ type: String })
  param!: string;

  @ApiProperty({ type: String, description: 'Who sees to it instead of the vendor.' })
  by!: string;

  @ApiProperty({ type: String })
  reason!: string;
}

export class ReceiptDrop {
  @ApiProperty({ type: String })
  param!: string;

  @ApiPropertyOptional(JSON_VALUE)
  value?: unknown;

  @ApiProperty({ type: String })
  reason!: string;
}

export class ReceiptDoubt {
  @ApiProperty({ type: String })
  param!: string;

  @ApiProperty({ type: String })
  reason!: string;
}

export class ReceiptRejection {
  @ApiProperty({ type: String })
  param!: string;

  @ApiProperty({ type: String })
  code!: string;

  @ApiProperty({ type: String })
  message!: string;
}

/** What became of every field of the request. */
export class GenerationReceipt {
  @ApiProperty({ type: [String], description: 'Sent as asked.' })
  applied!: string[];

  @ApiProperty({ type: [ReceiptChange], description: 'Sent with another value.' })
  mapped!: ReceiptChange[];

  @ApiProperty({ type: [ReceiptEmulation], description: 'Fulfilled by the gateway instead of the vendor.' })
  emulated!: ReceiptEmulation[];

  @ApiProperty({ type: [ReceiptDrop], description: 'Left out (lax mode).' })
  dropped!: ReceiptDrop[];

  @ApiProperty({ type: [ReceiptDoubt], description: 'Vendor options sent unchecked (lax mode).' })
  unverified!: ReceiptDoubt[];

  @ApiProperty({ type: [ReceiptRejection], description: 'Problems, where all of them are collected.' })
  rejected!: ReceiptRejection[];
}
