import {
  ALGORITHMS,
  type Algorithm,
  DEFAULT_EVENT_TYPES,
  type DisabledReason,
  type EndpointKind,
  EVENT_TYPES,
  type EventType,
} from '../../../engine/webhooks/index.js';
import { CursorInfo, IsName, IsNullable, IsUndefinable, LONGEST_NAME } from '../../../platform/common/index.js';
import { ApiProperty, ApiPropertyOptional } from '../../../platform/openapi/index.js';
import {
  ArrayNotEmpty,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsString,
  IsUrl,
  Max,
  MaxLength,
  Min,
} from '../../../platform/validation/index.js';

const URL_RULES = { protocols: ['http', 'https'], require_protocol: true, require_tld: false };
const LONGEST_URL = 2_000;
const LONGEST_GRACE_SECONDS = 604_800;
const TIME_OR_NULL = { type: String, format: 'date-time', nullable: true } as const;
const TEXT_OR_NULL = { type: String, nullable: true } as const;

export class CreateEndpointRequest {
  @ApiProperty({ format: 'uri', maxLength: LONGEST_URL, example: 'https://shop.example/hooks/litegen' })
  @IsString()
  @MaxLength(LONGEST_URL)
  @IsUrl(URL_RULES)
  url!: string;

  @ApiPropertyOptional({
    ...TEXT_OR_NULL,
    maxLength: LONGEST_NAME,
    description: 'Only generations of this API key. Absent: all of the application.',
  })
  @IsNullable()
  @IsString()
  @IsName()
  key_id?: string | null;

  @ApiPropertyOptional({
    enum: EVENT_TYPES,
    isArray: true,
    minItems: 1,
    uniqueItems: true,
    default: DEFAULT_EVENT_TYPES,
    description: 'Which events are sent. Progress has to be asked for.',
  })
  @IsUndefinable()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayUnique()
  @IsIn(EVENT_TYPES, { each: true })
  event_types?: EventType[];

  @ApiPropertyOptional({ ...TEXT_OR_NULL, maxLength: 500 })
  @IsNullable()
  @IsString()
  @MaxLength(500)
  description?: string | null;

  @ApiPropertyOptional({ enum: ALGORITHMS, default: 'hmac-sha256', description: 'How events are signed.' })
  @IsUndefinable()
  @IsIn(ALGORITHMS)
  algorithm?: Algorithm;

  @ApiPropertyOptional({
    default: false,
    description: 'Whether a request may name another path of this origin for its own events, in `metadata.webhook_url`.',
  })
  @IsUndefinable()
  @IsBoolean()
  allow_request_urls?: boolean;
}

/** An absent field stays as it is. */
export class PatchEndpointRequest {
  @ApiPropertyOptional({ format: 'uri', maxLength: LONGEST_URL })
  @IsUndefinable()
  @IsString()
  @MaxLength(LONGEST_URL)
  @IsUrl(URL_RULES)
  url?: string;

  @ApiPropertyOptional({ enum: EVENT_TYPES, isArray: true, minItems: 1, uniqueItems: true })
  @IsUndefinable()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayUnique()
  @IsIn(EVENT_TYPES, { each: true })
  event_types?: EventType[];

  @ApiPropertyOptional({ ...TEXT_OR_NULL, maxLength: 500 })
  @IsNullable()
  @IsString()
  @MaxLength(500)
  description?: string | null;

  @ApiPropertyOptional({ type: Boolean })
  @IsUndefinable()
  @IsBoolean()
  allow_request_urls?: boolean;

  @ApiPropertyOptional({
    type: Boolean,
    description: 'True: events are no longer written for it, and what waits goes on waiting. False: it starts afresh.',
  })
  @IsUndefinable()
  @IsBoolean()
  disabled?: boolean;
}

export class RotateSecretRequest {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: LONGEST_GRACE_SECONDS,
    description: 'How long the old secret goes on signing beside the new one. Default: `webhooks.rotation_grace_seconds`, a day.',
  })
  @IsUndefinable()
  @IsInt()
  @Min(0)
  @Max(LONGEST_GRACE_SECONDS)
  grace_seconds?: number;

  @ApiPropertyOptional({ enum: ALGORITHMS, description: 'Absent: as before.' })
  @IsUndefinable()
  @IsIn(ALGORITHMS)
  algorithm?: Algorithm;
}

export class WebhookEndpoint {
  @ApiProperty({ example: 'we_8f14e45fceea167a5a36dedd4bea2543' })
  id!: string;

  @ApiProperty({ enum: ['application', 'key', 'key_url'], description: '`key_url`: kept by the `webhook_url` of an API key.' })
  kind!: EndpointKind;

  @ApiProperty(TEXT_OR_NULL)
  key_id!: string | null;

  @ApiProperty()
  url!: string;

  @ApiProperty(TEXT_OR_NULL)
  description!: string | null;

  @ApiProperty({ enum: EVENT_TYPES, isArray: true })
  event_types!: EventType[];

  @ApiProperty()
  allow_request_urls!: boolean;

  @ApiProperty({ enum: ALGORITHMS })
  algorithm!: Algorithm;

  @ApiProperty({ ...TEXT_OR_NULL, description: '`whpk_…`, for Ed25519.' })
  public_key!: string | null;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'The `kid` of the public key in the published key set.' })
  public_key_id!: string | null;

  @ApiProperty({ ...TIME_OR_NULL, description: 'Until when the secret before the last rotation signs too.' })
  previous_secret_expires_at!: string | null;

  @ApiProperty(TIME_OR_NULL)
  disabled_at!: string | null;

  @ApiProperty({
    type: String,
    nullable: true,
    enum: ['manual', 'gone', 'failing', null],
    description: '`gone`: it answered 410. `failing`: nothing arrived for days.',
  })
  disabled_reason!: DisabledReason | null;

  @ApiProperty({ type: 'integer', description: 'Attempts that failed since the last one that arrived.' })
  consecutive_failures!: number;

  @ApiProperty(TIME_OR_NULL)
  failing_since!: string | null;

  @ApiProperty({ ...TIME_OR_NULL, description: 'Nothing is sent before: it fails too often, or asked for a pause.' })
  paused_until!: string | null;

  @ApiProperty({ format: 'date-time' })
  created_at!: string;

  @ApiProperty({ format: 'date-time' })
  updated_at!: string;
}

export class WebhookEndpointWithSecret extends WebhookEndpoint {
  @ApiProperty({ ...TEXT_OR_NULL, description: '`whsec_…`; null for Ed25519, whose private half never leaves the gateway.' })
  secret!: string | null;
}

export class WebhookEndpointListResponse extends CursorInfo {
  @ApiProperty({ type: [WebhookEndpoint] })
  data!: WebhookEndpoint[];
}

export class DeleteEndpointResponse {
  @ApiProperty()
  deleted!: boolean;
}

export class WebhookSecretResponse {
  @ApiProperty({ ...TEXT_OR_NULL, description: '`whsec_…`; null for Ed25519.' })
  secret!: string | null;

  @ApiProperty({ ...TEXT_OR_NULL, description: '`whpk_…`, for Ed25519.' })
  public_key!: string | null;
}

export class WebhookJwk {
  @ApiProperty({ enum: ['OKP'] })
  kty!: 'OKP';

  @ApiProperty({ enum: ['Ed25519'] })
  crv!: 'Ed25519';

  @ApiProperty({ description: 'Base64url of the 32 bytes.' })
  x!: string;

  @ApiProperty({ enum: ['sig'] })
  use!: 'sig';

  @ApiProperty({ enum: ['EdDSA'] })
  alg!: 'EdDSA';

  @ApiProperty({ description: 'RFC 7638 thumbprint.' })
  kid!: string;
}

export class WebhookKeySet {
  @ApiProperty({ type: [WebhookJwk] })
  keys!: WebhookJwk[];
}
