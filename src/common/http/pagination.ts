import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsInt, IsOptional } from 'class-validator';

const MAX_PER_PAGE = 1000;
const DEFAULT_PER_PAGE = 50;
const MAX_PAGE = 1_000_000;

/** Whole numbers outside the bounds are brought inside; whatever is no number is left for the validator to refuse. */
function clamped(max: number): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) => {
    const number = value === '' ? Number.NaN : Number(value);
    return Number.isInteger(number) ? Math.min(max, Math.max(1, number)) : value;
  });
}

/** Which part of a list. */
export class PageQuery {
  @ApiPropertyOptional({ type: 'integer', minimum: 1, default: 1, description: 'From 1.' })
  @IsOptional()
  @clamped(MAX_PAGE)
  @IsInt()
  page: number = 1;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: MAX_PER_PAGE, default: DEFAULT_PER_PAGE })
  @IsOptional()
  @clamped(MAX_PER_PAGE)
  @IsInt()
  per_page: number = DEFAULT_PER_PAGE;
}

/** What every list of pages has beside its `data`. */
export class PageInfo {
  @ApiProperty({ type: 'integer', description: 'Rows on all pages.' })
  total!: number;

  @ApiProperty({ type: 'integer' })
  page!: number;

  @ApiProperty({ type: 'integer' })
  per_page!: number;

  @ApiProperty({ type: 'integer' })
  total_pages!: number;
}

export function pageInfo({ page, per_page }: PageQuery, total: number): PageInfo {
  return { total, page, per_page, total_pages: Math.ceil(total / per_page) };
}
