import { ErrorResponse } from '../../../platform/common/index.js';
import { ApiProperty, ApiPropertyOptional } from '../../../platform/openapi/index.js';
import { GenerationReceipt, UsageInfo } from '../../shared/index.js';

/** What OpenAI's events tell about a picture. */
class ImageEventFacts {
  @ApiProperty({ type: String, description: 'The picture as base64.' })
  b64_json!: string;

  @ApiProperty({ type: 'integer', description: 'Unix seconds.' })
  created_at!: number;

  @ApiProperty({ type: String, description: '`auto` where OpenAI has no word for it; so the next two.', example: '1024x1024' })
  size!: string;

  @ApiProperty({ type: String, example: 'high' })
  quality!: string;

  @ApiProperty({ type: String, example: 'opaque' })
  background!: string;

  @ApiProperty({ type: String, example: 'png' })
  output_format!: string;
}

/** A picture on the way to the result. */
export class ImagePartialEvent extends ImageEventFacts {
  @ApiProperty({ enum: ['image_generation.partial_image', 'image_edit.partial_image'] })
  type!: string;

  @ApiProperty({ type: 'integer', minimum: 0 })
  partial_image_index!: number;
}

/** A finished picture. */
export class ImageCompletedEvent extends ImageEventFacts {
  @ApiProperty({ enum: ['image_generation.completed', 'image_edit.completed'] })
  type!: string;

  @ApiProperty({ type: UsageInfo, description: 'Of all pictures at the last of them; 0 before.' })
  usage!: UsageInfo;

  @ApiProperty({ type: String, description: 'The generation.' })
  id!: string;

  @ApiProperty({ type: 'integer', minimum: 0 })
  index!: number;

  @ApiProperty({ type: String, format: 'uri', description: 'A signed link that works without a key, for a while.' })
  url!: string;

  @ApiProperty({ type: String, example: 'image/png' })
  content_type!: string;

  @ApiPropertyOptional({ type: 'integer', description: 'Pixels, as measured.' })
  width?: number;

  @ApiPropertyOptional({ type: 'integer' })
  height?: number;

  @ApiPropertyOptional({ type: String, description: 'The prompt that the vendor really used, when it says so.' })
  revised_prompt?: string;

  @ApiProperty({ type: String, example: 'mock/paint' })
  model!: string;

  @ApiProperty({ type: String, example: 'mock' })
  provider!: string;

  @ApiProperty({ type: GenerationReceipt })
  receipt!: GenerationReceipt;
}

/** Why there are no more events. */
export class ImageErrorEvent extends ErrorResponse {
  @ApiProperty({ enum: ['error'] })
  type!: string;
}
