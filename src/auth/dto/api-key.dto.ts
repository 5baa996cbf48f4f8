import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsInt,
  IsISO8601,
  IsNumber,
  IsObject,
  IsOptional,
  IsString,
  IsUrl,
  Length,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { MAX_CACHE_TTL_SECONDS } from '../../config/index.js';
import { SCOPES } from '../principal.js';

const MAX_QUOTA_USD = 1_000_000_000;
const MAX_RPM = 1_000_000;
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
    description: 'What the key may spend in all, US dollars. Null: no bound.',
    example: 25,
  })
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(MAX_QUOTA_USD)
  token_quota?: number | null;

  @ApiPropertyOptional({ type: 'integer', nullable: true, minimum: 1, description: 'Requests per minute. Null: no bound.', example: 60 })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_RPM)
  rpm_limit?: number | null;

  @ApiPropertyOptional({
    type: 'integer',
    nullable: true,
    minimum: 1,
    description: 'Generations that vendors work on at once. Null: `limits.keys.max_in_flight` of the configuration.',
    example: 20,
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_GENERATIONS)
  max_in_flight?: number | null;

  @ApiPropertyOptional({
    type: 'integer',
    nullable: true,
    minimum: 0,
    description: 'Generations that wait for their turn. Null: `limits.keys.max_queued` of the configuration.',
    example: 500,
  })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(MAX_GENERATIONS)
  max_queued?: number | null;

  @ApiPropertyOptional({ type: String, nullable: true, format: 'date-time', description: 'When the key stops working. Null: never.' })
  @IsOptional()
  @IsISO8601({ strict: true })
  expires_at?: string | null;

  @ApiPropertyOptional({
    type: [String],
    nullable: true,
    description: 'Models that the key may use: catalogue ids, or patterns with `*`. Null: all; an empty list: none.',
    example: ['openai/*', 'fal/flux-dev'],
  })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(500)
  @IsString({ each: true })
  allowed_models?: string[] | null;

  @ApiPropertyOptional({ type: String, nullable: true, format: 'uri', description: 'Kept with the key for completion events.' })
  @IsOptional()
  @IsUrl(WEBHOOK)
  webhook_url?: string | null;

  @ApiPropertyOptional({
    type: ApiKeyCache,
    nullable: true,
    description: 'Whether the key’s requests use the cache, where the gateway has one. Null: as the model has it.',
  })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => ApiKeyCache)
  cache?: ApiKeyCache | null;
}

export class CreateApiKeyRequest extends ApiKeyLimits {
  @ApiProperty({ minLength: 1, maxLength: 200, example: 'storefront' })
  @IsString()
  @Length(1, 200)
  name!: string;

  @ApiPropertyOptional({
    type: String,
    default: 'generate,read',
    description: `Comma-separated: ${SCOPES.join(', ')}. None implies another.`,
    example: 'generate,read',
  })
  @IsOptional()
  @IsString()
  scopes?: string;
}

/** An absent field stays as it is; an explicit null clears it. */
export class PatchApiKeyRequest extends ApiKeyLimits {
  @ApiPropertyOptional({ minLength: 1, maxLength: 200 })
  @IsOptional()
  @IsString()
  @Length(1, 200)
  name?: string;

  @ApiPropertyOptional({ type: String, example: 'generate' })
  @IsOptional()
  @IsString()
  scopes?: string;

  @ApiPropertyOptional({ type: Boolean })
  @IsOptional()
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
  @IsOptional()
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

export class ApiKeyListResponse {
  @ApiProperty({ type: [ApiKeyInfo] })
  data!: ApiKeyInfo[];
}

export class RevokeKeyResponse {
  @ApiProperty()
  revoked!: boolean;
}
