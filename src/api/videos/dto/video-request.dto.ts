import { IsName, IsUndefinable, OpenBody, WholeNumber } from '../../../platform/common/index.js';
import { ApiExtraModels, ApiProperty, ApiPropertyOptional, getSchemaPath } from '../../../platform/openapi/index.js';
import { IsIn, IsInt, IsString, Max, Min } from '../../../platform/validation/index.js';
import { BaseGenerationRequest, type ImageInput, ImageReference, MAX_REFERENCES } from '../../shared/index.js';

const MAX_LIST = 100;
const DEFAULT_LIST = 20;

/** OpenAI’s video request and LiteGen’s in one. */
@ApiExtraModels(ImageReference)
export class VideoGenerationRequest extends BaseGenerationRequest {
  @ApiPropertyOptional({ type: Number, nullable: true, minimum: 0, description: 'Length of the clip.', example: 2 })
  duration_seconds?: number | null;

  @ApiPropertyOptional({
    nullable: true,
    oneOf: [{ type: 'string', maxLength: 20 }, { type: 'number' }],
    description: 'OpenAI’s name of `duration_seconds`, as text or as a number.',
  })
  seconds?: string | number | null;

  @ApiPropertyOptional({ type: Number, nullable: true, minimum: 0 })
  fps?: number | null;

  @ApiPropertyOptional({ type: Boolean, nullable: true, description: 'Whether sound is wanted.' })
  audio?: boolean | null;

  @ApiPropertyOptional({
    nullable: true,
    oneOf: [
      { type: 'string' },
      { $ref: getSchemaPath(ImageReference) },
      { type: 'array', maxItems: MAX_REFERENCES, items: { oneOf: [{ type: 'string' }, { $ref: getSchemaPath(ImageReference) }] } },
    ],
    description:
      'OpenAI’s reference picture, with the model’s default role: URLs, `data:` URLs, base64 text or objects. In a form: files `input_reference`, `input_reference[]`.',
  })
  input_reference?: ImageInput | ImageInput[] | null;
}

/** OpenAI’s wish for another video like one that is there. */
@OpenBody()
export class VideoRemixRequest {
  @ApiProperty({ type: String, minLength: 1, maxLength: 32_000, description: 'What is to be seen now.', example: 'the ball is blue' })
  prompt!: string;
}

/** Where in the list, by the last id that was seen. */
export class ListVideosQuery {
  @ApiPropertyOptional({ type: String, description: 'The last id of the page before; it may have been deleted since.' })
  @IsUndefinable()
  @IsString()
  @IsName()
  after?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: MAX_LIST, default: DEFAULT_LIST })
  @IsUndefinable()
  @WholeNumber()
  @IsInt()
  @Min(1)
  @Max(MAX_LIST)
  limit: number = DEFAULT_LIST;

  @ApiPropertyOptional({ enum: ['asc', 'desc'], default: 'desc', description: 'By the time of creation.' })
  @IsUndefinable()
  @IsIn(['asc', 'desc'])
  order: 'asc' | 'desc' = 'desc';
}
