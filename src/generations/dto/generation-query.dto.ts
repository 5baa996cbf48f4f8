import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { OPERATIONS } from '../../catalog/index.js';
import { PageQuery } from '../../common/index.js';
import { PUBLIC_STATUSES, type PublicStatus } from '../generation.status.js';
import type { MediaType, Operation } from '../generation.types.js';

const LONGEST_NAME = 300;

export class ListGenerationsQuery extends PageQuery {
  @ApiPropertyOptional({ enum: PUBLIC_STATUSES })
  @IsOptional()
  @IsIn(PUBLIC_STATUSES)
  status?: PublicStatus;

  @ApiPropertyOptional({ description: 'Catalogue id.', example: 'mock/paint' })
  @IsOptional()
  @IsString()
  @MaxLength(LONGEST_NAME)
  model?: string;

  @ApiPropertyOptional({ example: 'mock' })
  @IsOptional()
  @IsString()
  @MaxLength(LONGEST_NAME)
  provider?: string;

  @ApiPropertyOptional({ enum: ['image', 'video'] })
  @IsOptional()
  @IsIn(['image', 'video'])
  media_type?: MediaType;

  @ApiPropertyOptional({ enum: OPERATIONS })
  @IsOptional()
  @IsIn(OPERATIONS)
  operation?: Operation;
}

export class PatchGenerationRequest {
  @ApiProperty({ enum: ['cancelled'], description: 'The only change there is.' })
  @IsIn(['cancelled'])
  status!: 'cancelled';
}
