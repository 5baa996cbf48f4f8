import { GENERATION_EVENT_TYPES, type GenerationEventType } from '../../../engine/generations/index.js';
import { LONGEST_NAME, OpenBody } from '../../../platform/common/index.js';
import {
  ApiExtraModels,
  ApiProperty,
  ApiPropertyOptional,
  type ApiPropertyOptions,
  getSchemaPath,
} from '../../../platform/openapi/index.js';
import { MAX_BYTES_KEYWORD } from '../json-schema.js';

export const MAX_REFERENCES = 64;
/** Longest http(s) URL of a picture; base64 and `data:` URLs are as long as the body may be. */
export const LONGEST_REFERENCE_URL = 8192;
const MAX_URL_LENGTH = 2048;
/** Models have limits of their own; this one holds where they say nothing. */
const MAX_PROMPT_LENGTH = 65_536;
const MAX_METADATA_BYTES = 32_768;
const MAX_EXTRA_BYTES = 65_536;
/** Of words that models know, of ids and of roles. */
const WORD = { type: String, nullable: true, maxLength: LONGEST_NAME } as const;
/** Those that JSON’s readers keep exactly. */
const INTEGER = { type: 'integer', nullable: true, minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER } as const;

function bounded(bytes: number, description: string): ApiPropertyOptions {
  const schema = { type: 'object', nullable: true, additionalProperties: true, [MAX_BYTES_KEYWORD]: bytes } as const;
  return { ...schema, description: `${description} At most ${bytes} bytes as JSON.` };
}

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
    description: `An http(s) URL of at most ${LONGEST_REFERENCE_URL} characters, a \`data:\` URL, base64 text in either alphabet, padded or not, or a part’s name.`,
    example: 'https://shop.example/fox.png',
  })
  value!: string;

  @ApiPropertyOptional({
    ...WORD,
    description: 'A role of the model’s `ref_inputs`. Default: its `default_role`.',
    example: 'init',
  })
  role?: string | null;
}

/** As chat messages name a picture. */
export class ImageUrl {
  @ApiProperty({ type: String, description: 'An http(s) or `data:` URL, or base64 text.', example: 'https://shop.example/fox.png' })
  url!: string;
}

/** OpenAI's ways to name a picture. */
@ApiExtraModels(ImageUrl)
export class ImageReference {
  @ApiPropertyOptional({
    nullable: true,
    oneOf: [{ type: 'string' }, { $ref: getSchemaPath(ImageUrl) }],
    description: 'An http(s) or `data:` URL, base64 text, or an object with it.',
    example: 'https://shop.example/fox.png',
  })
  image_url?: string | ImageUrl | null;

  @ApiPropertyOptional({
    ...WORD,
    description: 'A file of an earlier generation of yours: the `asset-…` in its link.',
  })
  file_id?: string | null;
}

/** What requests for images and videos have in common. A field that is null counts as absent. */
@OpenBody()
export class BaseGenerationRequest {
  @ApiProperty({
    type: String,
    minLength: 1,
    maxLength: LONGEST_NAME,
    description: 'A catalogue id, an alias, or a bare name that leads to one model.',
    example: 'mock/paint',
  })
  model!: string;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    maxLength: MAX_PROMPT_LENGTH,
    description: 'What to make. Whether it may be absent is the model’s affair.',
    example: 'a red fox under a teal sky',
  })
  prompt?: string | null;

  @ApiPropertyOptional({ ...INTEGER, default: 1, description: 'How many; up to the model’s own limit.', example: 1 })
  n?: number | null;

  @ApiPropertyOptional({ type: String, nullable: true, maxLength: MAX_PROMPT_LENGTH, description: 'What to leave out.' })
  negative_prompt?: string | null;

  @ApiPropertyOptional({ ...INTEGER, description: 'A greater one is refused, not rounded.' })
  seed?: number | null;

  @ApiPropertyOptional({
    ...WORD,
    description: '`WIDTHxHEIGHT` in pixels, or `auto` where the model allows it.',
    example: '1024x1024',
  })
  size?: string | null;

  @ApiPropertyOptional({ ...WORD, example: '16:9' })
  aspect_ratio?: string | null;

  @ApiPropertyOptional({ ...WORD, description: 'Such as `1K` or `720p`.' })
  resolution?: string | null;

  @ApiPropertyOptional({ ...WORD, description: 'A word that the model knows.' })
  quality?: string | null;

  @ApiPropertyOptional(WORD)
  style?: string | null;

  @ApiPropertyOptional({ ...INTEGER, minimum: 0 })
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
    description:
      'True: whatever the model does not take is refused. False: sizes and ratios are mapped to the nearest, the rest is dropped, ' +
      'and the `receipt` says so. Default: as the header `X-Litegen-Strict` has it, else the API key, its application, the configuration; else true.',
  })
  strict?: boolean | null;

  @ApiPropertyOptional(bounded(MAX_EXTRA_BYTES, 'Options of the vendor, under its own names.'))
  extra?: Record<string, unknown> | null;

  @ApiPropertyOptional(bounded(MAX_METADATA_BYTES, 'Kept with the generation and given back.'))
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
    example: 'https://shop.example/hooks/orders/7',
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
