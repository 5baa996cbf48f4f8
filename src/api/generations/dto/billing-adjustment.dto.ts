import { IsUndefinable } from '../../../platform/common/index.js';
import { ApiProperty, ApiPropertyOptional } from '../../../platform/openapi/index.js';
import { IsIn, IsNumber, IsString, Length, Max, Min } from '../../../platform/validation/index.js';

const MOST_USD = 1_000_000;
const LEAST_USD = 0.000001;

export class ResolveGenerationRequest {
  @ApiProperty({ enum: ['yes', 'no'], description: 'Whether the vendor billed it.' })
  @IsIn(['yes', 'no'])
  charged!: 'yes' | 'no';

  @ApiPropertyOptional({
    type: Number,
    minimum: 0,
    maximum: MOST_USD,
    description: 'What the vendor billed, US dollars. Absent: the list price.',
  })
  @IsUndefinable()
  @IsNumber()
  @Min(0)
  @Max(MOST_USD)
  cost_usd?: number;
}

export class RefundGenerationRequest {
  @ApiProperty({
    type: Number,
    minimum: LEAST_USD,
    maximum: MOST_USD,
    description: 'US dollars; at most what is left of the cost.',
    example: 0.04,
  })
  @IsNumber()
  @Min(LEAST_USD)
  @Max(MOST_USD)
  amount_usd!: number;

  @ApiProperty({ minLength: 1, maxLength: 500, description: 'Kept in the ledger.' })
  @IsString()
  @Length(1, 500)
  reason!: string;
}

export class RefundResponse {
  @ApiProperty({ description: 'The `Idempotency-Key`, or an id that was made for it.' })
  id!: string;

  @ApiProperty()
  generation_id!: string;

  @ApiProperty({ description: 'US dollars.' })
  amount_usd!: number;

  @ApiProperty({ description: 'What can still be given back, US dollars.' })
  refundable_usd!: number;
}
