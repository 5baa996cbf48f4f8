import { MODALITY_NAMES, type Modality, OPERATIONS } from '../../../domain/catalog/index.js';
import { type Operation, PUBLIC_STATUSES, type PublicStatus } from '../../../engine/generations/index.js';
import { IsName, IsUndefinable, PageQuery } from '../../../platform/common/index.js';
import { ApiProperty, ApiPropertyOptional } from '../../../platform/openapi/index.js';
import { IsIn, IsString } from '../../../platform/validation/index.js';

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

  @ApiPropertyOptional({ enum: MODALITY_NAMES })
  @IsUndefinable()
  @IsIn(MODALITY_NAMES)
  media_type?: Modality;

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
