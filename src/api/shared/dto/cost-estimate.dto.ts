import { ApiProperty, ApiPropertyOptional } from '../../../platform/openapi/index.js';
import { COST_SOURCES, type CostSource, GenerationReceipt } from './generation-answer.dto.js';

export class CostEstimateComponent {
  @ApiProperty({ type: String, description: 'What is counted.', example: 'image' })
  metric!: string;

  @ApiProperty({ type: String, description: 'Decimal.', example: '2' })
  quantity!: string;

  @ApiProperty({ type: String, description: 'What the vendor bills for that quantity, after rounding.', example: '2' })
  billable_quantity!: string;

  @ApiProperty({ type: String, description: 'US dollars for `per` units.', example: '0.04' })
  unit_price!: string;

  @ApiProperty({ type: 'integer', example: 1 })
  per!: number;

  @ApiProperty({ type: String, description: 'US dollars.', example: '0.08' })
  total_cost!: string;

  @ApiPropertyOptional({ type: 'object', nullable: true, additionalProperties: true, description: 'When this price holds.' })
  conditions?: Record<string, unknown> | null;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'Where the price was read.' })
  source?: string | null;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'The day on which it was read.', example: '2026-11-20' })
  checked?: string | null;

  @ApiPropertyOptional({ type: String, nullable: true, description: '`published`, `reported` or `estimated`.' })
  confidence?: string | null;
}

/** What a request would cost. Nothing is generated and nothing is held. */
export class CostEstimate {
  @ApiProperty({ type: Number, description: 'Without markup, US dollars.', example: 0.08 })
  base_cost_usd!: number;

  @ApiProperty({ type: Number, example: 0 })
  markup_usd!: number;

  @ApiProperty({ type: Number, example: 0.08 })
  total_cost_usd!: number;

  @ApiProperty({ type: 'integer', description: 'The total in thousandths of a dollar, rounded up.', example: 80 })
  tokens_required!: number;

  @ApiProperty({ enum: COST_SOURCES, enumName: 'CostSource', description: 'Always `estimated`: nothing has run.' })
  cost_source!: CostSource;

  @ApiProperty({ type: 'object', additionalProperties: true, description: 'What the price was computed for.' })
  breakdown!: Record<string, unknown>;

  @ApiProperty({ type: Boolean, example: true })
  estimated!: true;

  @ApiProperty({ type: Boolean, description: 'False when only the vendor can count what it will bill, such as tokens.' })
  exact!: boolean;

  @ApiProperty({ type: 'integer', description: 'Millionths of a dollar.', example: 80000 })
  total_cost_micros!: number;

  @ApiProperty({ type: Number, description: 'What is held while the generation runs, US dollars.', example: 0.08 })
  ceiling_usd!: number;

  @ApiProperty({ type: String, example: 'USD' })
  currency!: string;

  @ApiProperty({ type: String, example: 'mock/paint' })
  model!: string;

  @ApiProperty({ type: String, example: 'mock' })
  provider!: string;

  @ApiProperty({ type: [CostEstimateComponent] })
  components!: CostEstimateComponent[];

  @ApiProperty({ type: GenerationReceipt })
  receipt!: GenerationReceipt;
}
