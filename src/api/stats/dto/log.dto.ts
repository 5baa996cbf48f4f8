import type { JsonObject } from '@litegen/plugin-sdk';
import { MODALITY_NAMES, type Modality } from '../../../domain/catalog/index.js';
import { PUBLIC_STATUSES, type PublicStatus } from '../../../engine/generations/index.js';
import { IsName, IsTime, IsUndefinable, PageInfo, PageQuery, TIME_OR_DAY } from '../../../platform/common/index.js';
import { ApiProperty, ApiPropertyOptional } from '../../../platform/openapi/index.js';
import { IsIn, IsString } from '../../../platform/validation/index.js';

const OBJECT = { type: 'object', additionalProperties: true } as const;
const OPTIONAL_TEXT = { type: String, nullable: true } as const;

export class ListLogsQuery extends PageQuery {
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

  @ApiPropertyOptional({ enum: PUBLIC_STATUSES })
  @IsUndefinable()
  @IsIn(PUBLIC_STATUSES)
  status?: PublicStatus;

  @ApiPropertyOptional({
    ...TIME_OR_DAY,
    description: 'From this time on, or from the beginning of this day. UTC unless it says otherwise.',
  })
  @IsUndefinable()
  @IsTime()
  from?: string;

  @ApiPropertyOptional({
    ...TIME_OR_DAY,
    description: 'Up to this time, or to the end of this day.',
  })
  @IsUndefinable()
  @IsTime()
  to?: string;

  @ApiPropertyOptional({
    enum: ['json', 'csv'],
    default: 'json',
    description: '`csv` answers up to 10,000 rows at once, whatever the page.',
  })
  @IsUndefinable()
  @IsIn(['json', 'csv'])
  format?: 'json' | 'csv';
}

export class RequestLog {
  @ApiProperty({ description: 'The generation’s id.' })
  id!: string;

  @ApiProperty()
  model!: string;

  @ApiProperty()
  provider!: string;

  @ApiProperty({ enum: PUBLIC_STATUSES })
  status!: PublicStatus;

  @ApiProperty({ enum: MODALITY_NAMES })
  media_type!: Modality;

  @ApiProperty({ description: 'US dollars; 0 until it is known.' })
  cost_usd!: number;

  @ApiProperty({ type: 'integer', description: 'From the request to its end; up to now while it runs.' })
  latency_ms!: number;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiPropertyOptional({ type: String, description: 'The generation whose result was given again. Absent: it is no hit of the cache.' })
  cached_from?: string;

  @ApiPropertyOptional({ type: String })
  error?: string;

  @ApiPropertyOptional(OBJECT)
  metadata?: JsonObject;
}

export class LogListResponse extends PageInfo {
  @ApiProperty({ type: [RequestLog] })
  data!: RequestLog[];
}

class ReferenceSummary {
  @ApiProperty(OPTIONAL_TEXT)
  role!: string | null;

  @ApiProperty({ enum: ['url', 'upload'], description: 'How it came: fetched from a URL, or inside the request.' })
  kind!: 'url' | 'upload';

  @ApiProperty({ description: 'The URL, or what the file is.' })
  source_summary!: string;
}

/** What went in and what came out. */
export class RequestArtifact {
  @ApiProperty()
  request_id!: string;

  @ApiProperty({ enum: MODALITY_NAMES })
  media_type!: Modality;

  @ApiProperty()
  prompt!: string;

  @ApiProperty(OPTIONAL_TEXT)
  negative_prompt!: string | null;

  @ApiProperty({ ...OBJECT, description: 'The other parameters, and `n` and `extra`.' })
  params_json!: object;

  @ApiProperty({ type: [ReferenceSummary] })
  refs_meta_json!: ReferenceSummary[];

  @ApiProperty({ enum: ['url', 'error'] })
  output_kind!: 'url' | 'error';

  @ApiProperty({ ...OPTIONAL_TEXT, description: 'A signed link to the first output, null while it is in the making; or the error.' })
  output_value!: string | null;

  @ApiProperty(OPTIONAL_TEXT)
  output_mime!: string | null;

  @ApiProperty({ description: 'Never true: outputs are linked, not embedded.' })
  output_truncated!: boolean;

  @ApiProperty(OPTIONAL_TEXT)
  error_message!: string | null;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiProperty()
  org_id!: string;

  @ApiProperty()
  app_id!: string;
}
