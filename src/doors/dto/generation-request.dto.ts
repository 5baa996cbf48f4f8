import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { GENERATION_EVENT_TYPES, type GenerationEventType } from '../../generations/index.js';

export const MAX_REFERENCES = 64;
const MAX_URL_LENGTH = 2048;

/** How a reference image is handed over. */
export const REFERENCE_KINDS = ['url', 'base64', 'blob'] as const;

export class ReferenceImage {
  @ApiProperty({
    enum: REFERENCE_KINDS,
    enumName: 'RefImageKind',
    description: '`blob` names another part of the same multipart body.',
  })
  type!: (typeof REFERENCE_KINDS)[number];

  @ApiProperty({
    type: String,
    description: 'An http(s) or `data:` URL, base64 text, or a part’s name.',
    example: 'https://example.com/fox.png',
  })
  value!: string;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description: 'A role of the model’s `ref_inputs`. Default: its `default_role`.',
    example: 'init',
  })
  role?: string | null;
}

/** OpenAI's way to name a picture. */
export class ImageReference {
  @ApiPropertyOptional({ type: String, nullable: true, description: 'An http(s) or `data:` URL.', example: 'https://example.com/fox.png' })
  image_url?: string | null;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description: 'A file of an earlier generation of yours: the `asset-…` in its link.',
  })
  file_id?: string | null;
}

/** What requests for images and videos have in common. A field that is null counts as absent. */
export class BaseGenerationRequest {
  @ApiProperty({ type: String, description: 'A catalogue id, an alias, or a bare name that leads to one model.', example: 'mock/paint' })
  model!: string;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description: 'What to make. Whether it may be absent is the model’s affair.',
    example: 'a red fox under a teal sky',
  })
  prompt?: string | null;

  @ApiPropertyOptional({ type: 'integer', nullable: true, default: 1, description: 'How many; up to the model’s own limit.', example: 1 })
  n?: number | null;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'What to leave out.' })
  negative_prompt?: string | null;

  @ApiPropertyOptional({ type: 'integer', nullable: true })
  seed?: number | null;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description: '`WIDTHxHEIGHT` in pixels, or `auto` where the model allows it.',
    example: '1024x1024',
  })
  size?: string | null;

  @ApiPropertyOptional({ type: String, nullable: true, example: '16:9' })
  aspect_ratio?: string | null;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'Such as `1K` or `720p`.' })
  resolution?: string | null;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'A word that the model knows.' })
  quality?: string | null;

  @ApiPropertyOptional({ type: String, nullable: true })
  style?: string | null;

  @ApiPropertyOptional({ type: 'integer', nullable: true, minimum: 0 })
  steps?: number | null;

  @ApiPropertyOptional({ type: Number, nullable: true })
  guidance_scale?: number | null;

  @ApiPropertyOptional({ type: Number, nullable: true, description: 'How far the result may leave the reference.' })
  strength?: number | null;

  @ApiPropertyOptional({
    type: [ReferenceImage],
    nullable: true,
    maxItems: MAX_REFERENCES,
    description: 'Pictures to work from, in order.',
  })
  reference_images?: ReferenceImage[] | null;

  @ApiPropertyOptional({
    type: Boolean,
    nullable: true,
    default: true,
    description:
      'True: whatever the model does not take is refused. False: sizes and ratios are mapped to the nearest, the rest is dropped, ' +
      'and the `receipt` says so. The header `X-Litegen-Strict` sets it for requests that do not.',
  })
  strict?: boolean | null;

  @ApiPropertyOptional({
    type: 'object',
    nullable: true,
    additionalProperties: true,
    description: 'Options of the vendor, under its own names.',
  })
  extra?: Record<string, unknown> | null;

  @ApiPropertyOptional({
    type: 'object',
    nullable: true,
    additionalProperties: true,
    description: 'Kept with the generation and given back.',
  })
  metadata?: Record<string, unknown> | null;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    maxLength: 512,
    description: 'Your end user, for the vendor’s abuse checks and your own books.',
  })
  user?: string | null;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    maxLength: MAX_URL_LENGTH,
    description:
      'Where the events of this generation go instead of to the endpoint’s own URL. Of the same scheme, host and port as a webhook ' +
      'endpoint that hears of the request and has `allow_request_urls`, whose secret signs; anything else is refused.',
    example: 'https://example.com/hooks/orders/7',
  })
  webhook_url?: string | null;

  @ApiPropertyOptional({
    enum: GENERATION_EVENT_TYPES,
    isArray: true,
    nullable: true,
    minItems: 1,
    description: 'Which events go to `webhook_url`. Absent: those of ends; `generation.progress` has to be asked for.',
  })
  webhook_events?: GenerationEventType[] | null;

  @ApiPropertyOptional({ type: String, nullable: true, maxLength: 512, description: 'OpenAI’s newer name of `user`; it wins.' })
  safety_identifier?: string | null;
}
