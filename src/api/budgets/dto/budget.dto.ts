import { CursorInfo, IsNullable, IsUndefinable } from '../../../platform/common/index.js';
import { ApiProperty, ApiPropertyOptional } from '../../../platform/openapi/index.js';
import { IsIn, IsNumber, IsString, Length, Max, Min } from '../../../platform/validation/index.js';
import { BUDGET_LEVELS, BUDGET_PERIODS, type BudgetLevel, type BudgetPeriod } from '../../../policy/budgets/index.js';

const MAX_LIMIT_USD = 1_000_000_000;
const LONGEST_SUBJECT = 512;
const LIMIT = { type: Number, minimum: 0, maximum: MAX_LIMIT_USD, example: 100 } as const;
const TIME = { type: String, format: 'date-time' } as const;

export class CreateBudgetRequest {
  @ApiProperty({
    enum: BUDGET_LEVELS,
    description: 'Whose spending it bounds. `organization` and `application` are the caller’s own.',
  })
  @IsIn(BUDGET_LEVELS)
  level!: BudgetLevel;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    minLength: 1,
    maxLength: LONGEST_SUBJECT,
    description:
      'For `key` the key’s id, for `user` the `user` of the request. Absent: every key or user, each with a balance of its own; ' +
      'a budget that names one takes the place of this for it.',
  })
  @IsNullable()
  @IsString()
  @Length(1, LONGEST_SUBJECT)
  subject?: string | null;

  @ApiPropertyOptional({
    enum: BUDGET_PERIODS,
    default: 'none',
    description: 'When the balance begins anew, UTC; weeks begin on Monday. A request counts in the period in which it was admitted.',
  })
  @IsUndefinable()
  @IsIn(BUDGET_PERIODS)
  period?: BudgetPeriod;

  @ApiProperty({ ...LIMIT, description: 'US dollars per period, to the millionth.' })
  @IsNumber()
  @Min(0)
  @Max(MAX_LIMIT_USD)
  limit_usd!: number;
}

/** An absent field stays as it is. */
export class PatchBudgetRequest {
  @ApiPropertyOptional({
    ...LIMIT,
    description: 'US dollars per period. A limit below what is already spent refuses everything until the period ends.',
  })
  @IsUndefinable()
  @IsNumber()
  @Min(0)
  @Max(MAX_LIMIT_USD)
  limit_usd?: number;
}

/** One subject's share of a budget in one period. */
export class BudgetBalance {
  @ApiProperty({ description: 'The organization, application, key or user.' })
  subject!: string;

  @ApiProperty({ description: 'Reserved for what runs right now, US dollars.' })
  held_usd!: number;

  @ApiProperty({ description: 'Spent in this period, US dollars.' })
  settled_usd!: number;

  @ApiProperty({ description: 'What a request may still cost, US dollars.' })
  remaining_usd!: number;
}

export class Budget {
  @ApiProperty()
  id!: string;

  @ApiProperty({ enum: BUDGET_LEVELS })
  level!: BudgetLevel;

  @ApiProperty({ type: String, nullable: true, description: 'Null: every key or user, each on its own.' })
  subject!: string | null;

  @ApiProperty({ enum: BUDGET_PERIODS })
  period!: BudgetPeriod;

  @ApiProperty({ description: 'US dollars.' })
  limit_usd!: number;

  @ApiProperty({ ...TIME, nullable: true, description: 'When the current period began. Null: there is none.' })
  period_start!: string | null;

  @ApiProperty({ ...TIME, nullable: true, description: 'When the balance begins anew. Null: never.' })
  resets_at!: string | null;

  @ApiProperty({
    type: [BudgetBalance],
    description: 'In the current period. One for a named subject; of a budget for every key or user the 100 that changed last.',
  })
  balances!: BudgetBalance[];

  @ApiProperty(TIME)
  created_at!: string;

  @ApiProperty(TIME)
  updated_at!: string;
}

export class BudgetListResponse extends CursorInfo {
  @ApiProperty({ type: [Budget] })
  data!: Budget[];
}

export class DeleteBudgetResponse {
  @ApiProperty()
  deleted!: boolean;
}
