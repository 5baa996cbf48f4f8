import { ApiExtraModels, ApiProperty, ApiPropertyOptional, getSchemaPath } from '../../../platform/openapi/index.js';
import { GenerationReceipt, UsageInfo } from '../../shared/index.js';

/** OpenAI’s words, then LiteGen’s. */
export const VIDEO_STATUSES = ['queued', 'in_progress', 'pending', 'processing', 'completed', 'failed', 'cancelled'] as const;
export type VideoStatus = (typeof VIDEO_STATUSES)[number];

export class VideoError {
  @ApiProperty({ type: String, example: 'moderation_blocked' })
  code!: string;

  @ApiProperty({ type: String })
  message!: string;
}

export class VideoOutput {
  @ApiProperty({ type: String, format: 'uri', description: 'A signed link that works without a key, for a while.' })
  url!: string;

  @ApiProperty({ type: String, example: 'video/mp4' })
  content_type!: string;

  @ApiProperty({ type: 'integer' })
  size_bytes!: number;

  @ApiProperty({ type: 'integer', nullable: true })
  width!: number | null;

  @ApiProperty({ type: 'integer', nullable: true })
  height!: number | null;

  @ApiProperty({ type: Number, nullable: true })
  duration_seconds!: number | null;

  @ApiProperty({ type: 'integer' })
  index!: number;
}

/** A video and how far it is: OpenAI’s object and LiteGen’s in one. */
@ApiExtraModels(VideoError)
export class VideoGenerationResponse {
  @ApiProperty({ type: String, example: 'litegen-vid-8f14e45fceea167a5a36dedd4bea2543' })
  id!: string;

  @ApiProperty({ type: String, enum: ['video'] })
  object!: 'video';

  @ApiProperty({
    enum: VIDEO_STATUSES,
    enumName: 'VideoStatus',
    description:
      'In the words of the route that created it: `POST /v1/videos` queued, in_progress, completed, failed; ' +
      '`POST /v1/videos/generations` pending, processing, completed, failed, cancelled.',
  })
  status!: VideoStatus;

  @ApiProperty({ type: String, example: 'mock/clip' })
  model!: string;

  @ApiProperty({ type: String, example: 'mock' })
  provider!: string;

  @ApiProperty({ type: 'integer', minimum: 0, maximum: 100 })
  progress!: number;

  @ApiProperty({ type: 'integer', description: 'Unix seconds.' })
  created!: number;

  @ApiProperty({ type: 'integer', description: 'Unix seconds.' })
  created_at!: number;

  @ApiProperty({ type: 'integer', nullable: true, description: 'Unix seconds.' })
  completed_at!: number | null;

  @ApiProperty({ type: 'integer', nullable: true, description: 'When the files go, Unix seconds; null: they stay.' })
  expires_at!: number | null;

  @ApiProperty({ type: String, description: 'The length as text; empty while nobody knows it.', example: '2' })
  seconds!: string;

  @ApiProperty({
    type: String,
    description: '`WIDTHxHEIGHT`: of the file; until it is there, what was asked for or what the model makes unasked.',
    example: '320x180',
  })
  size!: string;

  @ApiProperty({ type: String })
  prompt!: string;

  @ApiProperty({ type: String, nullable: true, description: 'The video that this is a remix of.' })
  remixed_from_video_id!: string | null;

  @ApiProperty({
    nullable: true,
    oneOf: [{ $ref: getSchemaPath(VideoError) }, { type: 'string' }],
    description: 'Why it failed: an object in OpenAI’s dialect, the message alone in LiteGen’s.',
  })
  error!: VideoError | string | null;

  @ApiProperty({ type: String, nullable: true, description: 'The code of the failure, in both dialects.' })
  error_code!: string | null;

  @ApiPropertyOptional({ type: String, format: 'uri', description: 'A signed link to the first output, once there is one.' })
  video_url?: string;

  @ApiProperty({ type: [VideoOutput], description: 'Every file that was made.' })
  outputs!: VideoOutput[];

  @ApiProperty({ type: UsageInfo, description: 'An estimate until it has ended.' })
  usage!: UsageInfo;

  @ApiProperty({ type: 'object', nullable: true, additionalProperties: true, description: 'As the request gave it.' })
  metadata!: Record<string, unknown> | null;

  @ApiProperty({ type: GenerationReceipt })
  receipt!: GenerationReceipt;
}

export class VideoListResponse {
  @ApiProperty({ type: String, enum: ['list'] })
  object!: 'list';

  @ApiProperty({ type: [VideoGenerationResponse] })
  data!: VideoGenerationResponse[];

  @ApiProperty({ type: String, nullable: true })
  first_id!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'Pass it as `after` for the next page.' })
  last_id!: string | null;

  @ApiProperty({ type: Boolean })
  has_more!: boolean;
}

export class VideoDeleteResponse {
  @ApiProperty({ type: String })
  id!: string;

  @ApiProperty({ type: String, enum: ['video.deleted'] })
  object!: 'video.deleted';

  @ApiProperty({ type: Boolean })
  deleted!: true;
}
