import { ApiProperty, ApiPropertyOptional } from '../../../platform/openapi/index.js';
import { GenerationReceipt, UsageInfo } from '../../shared/index.js';

export class ImageResult {
  @ApiPropertyOptional({ type: String, format: 'uri', description: 'A signed link that works without a key, for a while.' })
  url?: string;

  @ApiPropertyOptional({ type: String, description: 'The picture as base64.' })
  b64_json?: string;

  @ApiPropertyOptional({ type: String, description: 'The prompt that the vendor really used, when it says so.' })
  revised_prompt?: string;

  @ApiProperty({ type: String, description: 'By the file’s own bytes.', example: 'image/png' })
  content_type!: string;

  @ApiPropertyOptional({ type: 'integer', description: 'Pixels, as measured.', example: 1024 })
  width?: number;

  @ApiPropertyOptional({ type: 'integer', example: 1024 })
  height?: number;

  @ApiProperty({ type: 'integer', minimum: 0, example: 0 })
  index!: number;
}

/** The finished pictures: OpenAI’s answer and LiteGen’s in one. */
export class ImageGenerationResponse {
  @ApiProperty({ type: String, example: 'litegen-img-8f14e45fceea167a5a36dedd4bea2543' })
  id!: string;

  @ApiProperty({ type: 'integer', description: 'Unix seconds.' })
  created!: number;

  @ApiProperty({ type: String, description: 'Catalogue id.', example: 'mock/paint' })
  model!: string;

  @ApiProperty({ type: String, example: 'mock' })
  provider!: string;

  @ApiProperty({ type: [ImageResult], description: 'All that were made, in their order.' })
  data!: ImageResult[];

  @ApiProperty({ type: UsageInfo })
  usage!: UsageInfo;

  @ApiPropertyOptional({
    type: String,
    description: 'Pixels of the first picture, where that is one of the sizes that all of OpenAI’s SDKs know.',
    example: '1024x1024',
  })
  size?: string;

  @ApiPropertyOptional({ type: String, description: 'Where it is one of OpenAI’s own, never `auto`; so the next two.', example: 'high' })
  quality?: string;

  @ApiPropertyOptional({ type: String, example: 'opaque' })
  background?: string;

  @ApiPropertyOptional({ type: String, example: 'png' })
  output_format?: string;

  @ApiProperty({ type: 'object', nullable: true, additionalProperties: true, description: 'As the request gave it.' })
  metadata!: Record<string, unknown> | null;

  @ApiProperty({ type: GenerationReceipt })
  receipt!: GenerationReceipt;
}
