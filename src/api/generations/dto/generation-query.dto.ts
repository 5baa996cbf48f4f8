import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsString } from 'class-validator';
import { OPERATIONS } from '../../../domain/catalog/index.js';
import { type MediaType, type Operation, PUBLIC_STATUSES, type PublicStatus } from '../../../engine/generations/index.js';
import { IsName, IsUndefinable, PageQuery } from '../../../platform/common/index.js';

export class ListGenerationsQuery extends PageQuery {
  @ApiPropertyOptional({ enum: PUBLIC_STATUSES })
  @IsUndefinable()
  @IsIn(PUBLIC_STATUSES)
  status?: PublicStatus;

  @ApiPropertyOptional({ description: 'Catalogue id.', example: 'mock/paint' })
  @IsUndefinable()
  @IsString()
  @IsName()
  model?: string;

  @ApiPropertyOptional({ example: 'mock' })
  @IsUndefinable()
  @IsString()
  @IsName()
  provider?: string;

  @ApiPropertyOptional({ enum: ['image', 'video'] })
  @IsUndefinable()
  @IsIn(['image', 'video'])
  media_type?: MediaType;

  @ApiPropertyOptional({ enum: OPERATIONS })
  @IsUndefinable()
  @IsIn(OPERATIONS)
  operation?: Operation;
}

export class PatchGenerationRequest {
  @ApiProperty({ enum: ['cancelled'], description: 'The only change there is.' })
  @IsIn(['cancelled'])
  status!: 'cancelled';
}
