import {
  type ModelInfo as CatalogModelInfo,
  type ModelPricing as CatalogModelPricing,
  MODALITY_NAMES,
  type Modality,
  OPERATIONS,
} from '../../../domain/catalog/index.js';
import { IsName, IsUndefinable } from '../../../platform/common/index.js';
import { ApiProperty, ApiPropertyOptional } from '../../../platform/openapi/index.js';
import { IsIn, IsString } from '../../../platform/validation/index.js';

const OBJECT = { type: 'object', additionalProperties: true } as const;
const OPTIONAL_DAY = { type: String, format: 'date', nullable: true } as const;

export class ListModelsQuery {
  @ApiPropertyOptional({ enum: MODALITY_NAMES })
  @IsUndefinable()
  @IsIn(MODALITY_NAMES)
  media_type?: Modality;

  @ApiPropertyOptional({ example: 'mock' })
  @IsUndefinable()
  @IsString()
  @IsName()
  provider?: string;

  @ApiPropertyOptional({ enum: OPERATIONS, description: 'Only models that do this.' })
  @IsUndefinable()
  @IsIn(OPERATIONS)
  operation?: (typeof OPERATIONS)[number];
}

class ModelCapabilities {
  @ApiProperty()
  supports_text_to_image!: boolean;

  @ApiProperty()
  supports_image_to_image!: boolean;

  @ApiProperty()
  supports_inpainting!: boolean;

  @ApiProperty({ type: [String], description: 'Such as `1024x1024`; empty when sizes are free. The model’s schema has the bounds.' })
  supported_sizes!: readonly string[];

  @ApiProperty({ type: 'integer', description: 'How many reference images it takes.' })
  max_images!: number;

  @ApiProperty()
  supports_text_to_video!: boolean;

  @ApiProperty()
  supports_image_to_video!: boolean;

  @ApiProperty()
  supports_first_frame!: boolean;

  @ApiProperty()
  supports_last_frame!: boolean;

  @ApiProperty({ type: Number, nullable: true })
  max_duration_seconds!: number | null;

  @ApiProperty()
  supports_partial_images!: boolean;
}

class ModelLifecycle {
  @ApiProperty({ enum: ['active', 'deprecated', 'sunset'] })
  status!: 'active' | 'deprecated' | 'sunset';

  @ApiProperty(OPTIONAL_DAY)
  released!: string | null;

  @ApiProperty(OPTIONAL_DAY)
  deprecated!: string | null;

  @ApiProperty({ ...OPTIONAL_DAY, description: 'From this day on its successor stands in for it, or it is refused.' })
  sunset!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'What to use instead.' })
  successor!: string | null;
}

class ModelPricing implements CatalogModelPricing {
  @ApiProperty({ type: Number, nullable: true, description: 'US dollars for one typical output.' })
  base_cost_usd!: number | null;

  @ApiProperty({ ...OBJECT, nullable: true })
  variable_pricing!: CatalogModelPricing['variable_pricing'];

  @ApiProperty({ type: 'array', items: OBJECT, description: 'The exact price, see docs/extend/model-yaml.md.' })
  components!: CatalogModelPricing['components'];

  @ApiProperty({ type: 'array', items: OBJECT })
  estimates!: CatalogModelPricing['estimates'];

  @ApiProperty({ type: String, nullable: true, description: 'US dollars that are reserved per output while the price is not known.' })
  ceiling_usd!: string | null;
}

export class ModelInfo implements CatalogModelInfo {
  @ApiProperty({ example: 'mock/paint' })
  id!: string;

  @ApiProperty({ enum: ['model'] })
  object!: 'model';

  @ApiProperty({
    type: 'integer',
    description: 'Unix seconds of the model’s release (`lifecycle.released`); 0 where its file names no day.',
  })
  created!: number;

  @ApiProperty({ description: 'The provider.' })
  owned_by!: string;

  @ApiProperty({ example: 'Paint' })
  name!: string;

  @ApiProperty()
  description!: string;

  @ApiProperty({ example: 'mock' })
  provider!: string;

  @ApiProperty({ enum: MODALITY_NAMES })
  media_type!: CatalogModelInfo['media_type'];

  @ApiProperty({ description: 'Whether this key can call it now.' })
  is_available!: boolean;

  @ApiProperty({ type: [String], description: 'Further names that callers may use.' })
  aliases!: readonly string[];

  @ApiProperty({ type: [String], description: 'Names of switched-off models for which it stands in.' })
  retired_names!: readonly string[];

  @ApiProperty({ enum: OPERATIONS, isArray: true })
  operations!: CatalogModelInfo['operations'];

  @ApiProperty({ type: ModelCapabilities })
  capabilities!: ModelCapabilities;

  @ApiProperty({ type: ModelLifecycle })
  lifecycle!: ModelLifecycle;

  @ApiPropertyOptional({ type: ModelPricing })
  pricing?: ModelPricing;

  @ApiProperty({ ...OBJECT, nullable: true })
  limits!: CatalogModelInfo['limits'];

  @ApiProperty({ type: [String] })
  tags!: readonly string[];
}

export class ModelListResponse {
  @ApiProperty({ enum: ['list'] })
  object!: 'list';

  @ApiProperty({ type: [ModelInfo] })
  data!: ModelInfo[];
}

class ModelCapabilityFlags {
  @ApiProperty()
  text_to_image!: boolean;

  @ApiProperty()
  image_to_image!: boolean;

  @ApiProperty()
  inpainting!: boolean;

  @ApiProperty()
  text_to_video!: boolean;

  @ApiProperty()
  image_to_video!: boolean;
}

class PromptSpec {
  @ApiProperty()
  required!: boolean;

  @ApiProperty({ type: 'integer', nullable: true, description: 'Unicode code points.' })
  min_length!: number | null;

  @ApiProperty({ type: 'integer', nullable: true, description: 'Unicode code points.' })
  max_length!: number | null;
}

/** The model’s capability YAML as JSON. An option that is not set is null. */
export class ModelSchema {
  @ApiProperty({ example: 'mock/paint' })
  id!: string;

  @ApiProperty({ enum: ['model'] })
  object!: 'model';

  @ApiProperty({ type: 'integer', description: 'Unix seconds of the release; 0 when it is not known.' })
  created!: number;

  @ApiProperty()
  owned_by!: string;

  @ApiProperty()
  provider!: string;

  @ApiProperty({ enum: MODALITY_NAMES })
  media_type!: string;

  @ApiProperty()
  display_name!: string;

  @ApiProperty()
  description!: string;

  @ApiProperty({ description: 'Whether this key can call it now.' })
  is_available!: boolean;

  @ApiProperty({ type: ModelPricing })
  pricing!: ModelPricing;

  @ApiProperty({ type: ModelCapabilityFlags })
  capabilities!: ModelCapabilityFlags;

  @ApiProperty({ enum: OPERATIONS, isArray: true })
  operations!: string[];

  @ApiProperty({ type: PromptSpec })
  prompt!: PromptSpec;

  @ApiProperty({
    type: 'object',
    additionalProperties: { ...OBJECT, required: ['kind'], properties: { kind: { type: 'string' } } },
    description: 'Parameter → what it takes: `kind` and the options of docs/extend/model-yaml.md.',
  })
  params!: Record<string, { kind: string }>;

  @ApiProperty({ ...OBJECT, nullable: true, description: 'Reference media: roles and how many of each.' })
  ref_inputs!: object | null;

  @ApiProperty({ type: [String], description: 'Vendor options that callers may put under `extra`.' })
  extra_allowlist!: string[];

  @ApiProperty({ description: 'Whether requests with `strict: false` may send options that the list lacks, unchecked and unpriced.' })
  extra_passthrough!: boolean;

  @ApiProperty({ type: [String] })
  tags!: string[];
}
