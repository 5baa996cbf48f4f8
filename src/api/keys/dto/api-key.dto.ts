import { Type } from 'class-transformer';
import { SCOPES } from '../../../domain/access/index.js';
import { CursorInfo, IsName, IsNullable, IsTime, IsUndefinable, LONGEST_NAME, TIME_OR_DAY } from '../../../platform/common/index.js';
import { MAX_CACHE_TTL_SECONDS } from '../../../platform/config/index.js';
import { ApiProperty, ApiPropertyOptional } from '../../../platform/openapi/index.js';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsInt,
  IsNumber,
  IsObject,
  IsString,
  IsUrl,
  Length,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from '../../../platform/validation/index.js';

const SCOPE_LIST = `^ *(${SCOPES.join('|')})( *, *(${SCOPES.join('|')}))* *$`;
const MAX_QUOTA_USD = 1_000_000_000;
const MAX_RPM = 1_000_000;
const LONGEST_URL = 2000;
const MOST_MODELS = 500;
const MAX_GENERATIONS = 1_000_000;
const WEBHOOK = { protocols: ['http', 'https'], require_protocol: true, require_tld: false };

/** Results of this key that may be given again. */
export class ApiKeyCache {
  @ApiProperty({
    type: 'integer',
    minimum: 0,
    maximum: MAX_CACHE_TTL_SECONDS,
    description: 'How long a result may be given again, seconds. 0: never.',
    example: 3600,
  })
  @IsInt()
  @Min(0)
  @Max(MAX_CACHE_TTL_SECONDS)
  ttl_seconds!: number;
}

class ApiKeyLimits {
  @ApiPropertyOptional({
    type: Number,
    nullable: true,
    minimum: 0,
    maximum: MAX_QUOTA_USD,
    description: 'What the key may spend in all, US dollars. Null: no bound.',
    example: 25,
  })
  @IsNullable()
  @IsNumber()
  @Min(0)
  @Max(MAX_QUOTA_USD)
  token_quota?: number | null;

  @ApiPropertyOptional({
    type: 'integer',
    nullable: true,
    minimum: 1,
    maximum: MAX_RPM,
    description: 'Requests per minute. Null: no bound.',
    example: 60,
  })
  @IsNullable()
  @IsInt()
  @Min(1)
  @Max(MAX_RPM)
  rpm_limit?: number | null;

  @ApiPropertyOptional({
    type: 'integer',
    nullable: true,
    minimum: 1,
    maximum: MAX_GENERATIONS,
    description: 'Generations that vendors work on at once. Null: `limits.keys.max_in_flight` of the configuration.',
    example: 20,
  })
  @IsNullable()
  @IsInt()
  @Min(1)
  @Max(MAX_GENERATIONS)
  max_in_flight?: number | null;

  @ApiPropertyOptional({
    type: 'integer',
    nullable: true,
    minimum: 0,
    maximum: MAX_GENERATIONS,
    description: 'Generations that wait for their turn. Null: `limits.keys.max_queued` of the configuration.',
    example: 500,
  })
  @IsNullable()
  @IsInt()
  @Min(0)
  @Max(MAX_GENERATIONS)
  max_queued?: number | null;

  @ApiPropertyOptional({
    ...TIME_OR_DAY,
    nullable: true,
    example: '2099-12-31',
    description: 'When the key stops working; a day stands for its beginning, and what names no zone is UTC. Null: never.',
  })
  @IsNullable()
  @IsTime()
  expires_at?: string | null;

  @ApiPropertyOptional({
    type: 'array',
    items: { type: 'string', maxLength: LONGEST_NAME },
    nullable: true,
    maxItems: MOST_MODELS,
    description: 'Models that the key may use: catalogue ids, or patterns with `*`. Null: all; an empty list: none.',
    example: ['openai/*', 'fal/flux-dev'],
  })
  @IsNullable()
  @IsArray()
  @ArrayMaxSize(MOST_MODELS)
  @IsString({ each: true })
  @MaxLength(LONGEST_NAME, { each: true })
  allowed_models?: string[] | null;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    format: 'uri',
    maxLength: LONGEST_URL,
    description: 'Kept with the key for completion events.',
  })
  @IsNullable()
  @IsUrl(WEBHOOK)
  @MaxLength(LONGEST_URL)
  webhook_url?: string | null;

  @ApiPropertyOptional({
    type: ApiKeyCache,
    nullable: true,
    description: 'Whether the key’s requests use the cache, where the gateway has one. Null: as the model has it.',
  })
  @IsNullable()
  @IsObject()
  @ValidateNested()
  @Type(() => ApiKeyCache)
  cache?: ApiKeyCache | null;

  @ApiPropertyOptional({
    type: Boolean,
    nullable: true,
    description:
      'Whether requests are strict that do not say it themselves, for clients that cannot. Null: as the configuration has it for the ' +
      'application, or for all.',
  })
  @IsNullable()
  @IsBoolean()
  strict?: boolean | null;
}

export class CreateApiKeyRequest extends ApiKeyLimits {
  @ApiProperty({ minLength: 1, maxLength: 200, example: 'storefront' })
  @IsString()
  @Length(1, 200)
  name!: string;

  @ApiPropertyOptional({
    type: String,
    maxLength: LONGEST_NAME,
    pattern: SCOPE_LIST,
    default: 'generate,read',
    description: `Comma-separated: ${SCOPES.join(', ')}. None implies another.`,
    example: 'generate,read',
  })
  @IsUndefinable()
  @IsString()
  @IsName()
  scopes?: string;
}

/** An absent field stays as it is; an explicit null clears it. */
export class PatchApiKeyRequest extends ApiKeyLimits {
  @ApiPropertyOptional({ minLength: 1, maxLength: 200 })
  @IsUndefinable()
  @IsString()
  @Length(1, 200)
  name?: string;

  @ApiPropertyOptional({ type: String, maxLength: LONGEST_NAME, pattern: SCOPE_LIST, example: 'generate' })
  @IsUndefinable()
  @IsString()
  @IsName()
  scopes?: string;

  @ApiPropertyOptional({ type: Boolean })
  @IsUndefinable()
  @IsBoolean()
  is_active?: boolean;
}

export class RotateApiKeyRequest {
  @ApiPropertyOptional({
    type: 'integer',
    default: 0,
    minimum: 0,
    maximum: 604_800,
    description: 'How long the old secret goes on working beside the new one.',
  })
  @IsUndefinable()
  @IsInt()
  @Min(0)
  @Max(604_800)
  grace_seconds?: number;
}

class ApiKeyFields {
  @ApiProperty()
  id!: string;

  @ApiProperty()
  name!: string;

  @ApiProperty({ type: Number, nullable: true, description: 'US dollars.' })
  token_quota!: number | null;

  @ApiProperty({ type: 'integer', nullable: true })
  rpm_limit!: number | null;

  @ApiProperty({ type: 'integer', nullable: true })
  max_in_flight!: number | null;

  @ApiProperty({ type: 'integer', nullable: true })
  max_queued!: number | null;

  @ApiProperty({ example: 'generate,read' })
  scopes!: string;

  @ApiProperty({ type: [String], nullable: true })
  allowed_models!: string[] | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  expires_at!: string | null;

  @ApiProperty({ type: String, nullable: true })
  webhook_url!: string | null;

  @ApiProperty({ type: ApiKeyCache, nullable: true })
  cache!: ApiKeyCache | null;

  @ApiProperty({ type: Boolean, nullable: true })
  strict!: boolean | null;

  @ApiProperty({ description: '`pk_live_…`: names the key in public.' })
  public_id!: string;
}

/** The only answer that carries the secret. */
export class ApiKeyCreatedResponse extends ApiKeyFields {
  @ApiProperty({ description: '`sk_live_…`: shown this once.' })
  key!: string;

  @ApiProperty({ description: 'The first characters of the secret.' })
  prefix!: string;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;
}

class ApiKeyState extends ApiKeyFields {
  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiProperty()
  is_active!: boolean;

  @ApiProperty({ description: 'Spent so far, US dollars.' })
  tokens_used!: number;

  @ApiProperty({ description: 'Reserved for what runs right now, US dollars.' })
  tokens_held!: number;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  last_used_at!: string | null;

  @ApiProperty()
  app_id!: string;
}

export class ApiKeyInfo extends ApiKeyState {
  @ApiProperty({ description: 'The first characters of the secret.' })
  prefix!: string;
}

export class ApiKeyDetail extends ApiKeyState {
  @ApiProperty({ description: 'The first characters of the secret.' })
  key_prefix!: string;
}

export class ApiKeyListResponse extends CursorInfo {
  @ApiProperty({ type: [ApiKeyInfo] })
  data!: ApiKeyInfo[];
}

export class RevokeKeyResponse {
  @ApiProperty()
  revoked!: boolean;
}
