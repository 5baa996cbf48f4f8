import { LONGEST_NAME } from '../../../platform/common/index.js';
import { ApiExtraModels, ApiPropertyOptional, getSchemaPath } from '../../../platform/openapi/index.js';
import { BaseGenerationRequest, type ImageInput, ImageReference, MAX_REFERENCES } from '../../shared/index.js';

export const RESPONSE_FORMATS = ['url', 'b64_json'] as const;
export type ResponseFormat = (typeof RESPONSE_FORMATS)[number];

/** The most that any model streams; each model’s own limit is in its description. */
export const MAX_PARTIAL_IMAGES = 10;

const WORD = { type: String, nullable: true, maxLength: LONGEST_NAME } as const;

/** OpenAI’s image request and LiteGen’s in one. */
export class ImageGenerationRequest extends BaseGenerationRequest {
  @ApiPropertyOptional({
    enum: RESPONSE_FORMATS,
    nullable: true,
    description: 'Absent: each picture comes as a link and as base64.',
  })
  response_format?: ResponseFormat | null;

  @ApiPropertyOptional({ ...WORD, description: 'Such as `png`, `jpeg`, `webp`.' })
  output_format?: string | null;

  @ApiPropertyOptional({ type: 'integer', nullable: true, minimum: 0, maximum: 100 })
  output_compression?: number | null;

  @ApiPropertyOptional({ ...WORD, description: 'Such as `transparent`, `opaque`, `auto`.' })
  background?: string | null;

  @ApiPropertyOptional({ ...WORD, description: 'How strictly the vendor moderates, such as `low`.' })
  moderation?: string | null;

  @ApiPropertyOptional({ ...WORD, description: 'How closely references are kept, such as `high`.' })
  input_fidelity?: string | null;

  @ApiPropertyOptional({ type: Boolean, nullable: true, default: false, description: 'Answer with server-sent events.' })
  stream?: boolean | null;

  @ApiPropertyOptional({
    type: 'integer',
    nullable: true,
    minimum: 0,
    maximum: MAX_PARTIAL_IMAGES,
    default: 0,
    description: 'How many pictures on the way to the result the stream shows; up to the model’s `streaming.partial_images_max`.',
  })
  partial_images?: number | null;
}

/** Beside what a generation takes: the pictures to edit. */
@ApiExtraModels(ImageReference)
export class ImageEditRequest extends ImageGenerationRequest {
  @ApiPropertyOptional({
    nullable: true,
    oneOf: [
      { type: 'string' },
      { $ref: getSchemaPath(ImageReference) },
      { type: 'array', maxItems: MAX_REFERENCES, items: { oneOf: [{ type: 'string' }, { $ref: getSchemaPath(ImageReference) }] } },
    ],
    description: 'One picture or several: URLs, `data:` URLs, base64 text or objects. In a form: files `image`, `image[]` or `image[0]`.',
  })
  image?: ImageInput | ImageInput[] | null;

  @ApiPropertyOptional({
    type: 'array',
    nullable: true,
    maxItems: MAX_REFERENCES,
    items: { oneOf: [{ type: 'string' }, { $ref: getSchemaPath(ImageReference) }] },
    description: 'OpenAI’s list of the JSON form; also of URLs, `data:` URLs and base64 text.',
  })
  images?: ImageInput[] | null;

  @ApiPropertyOptional({
    nullable: true,
    oneOf: [{ type: 'string' }, { $ref: getSchemaPath(ImageReference) }],
    description:
      'Where the first picture may change: its transparent pixels. A URL, a `data:` URL, base64 text or an object; in a form a file `mask`.',
  })
  mask?: ImageInput | null;
}
